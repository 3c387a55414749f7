package gossip

import _ "github.com/hashicorp/memberlist" // holds the version until the code is here
