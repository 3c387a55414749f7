// Package gossip runs memberlist among the members of the mesh, over packets
// and streams that are authenticated before it sees them.
package gossip

import _ "github.com/hashicorp/memberlist" // holds the version until the code is here
