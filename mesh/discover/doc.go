// Package discover announces an appliance on the local network, and finds
// others, by multicast DNS: presence only, nobody is trusted because of it.
package discover

import _ "github.com/hashicorp/mdns" // holds the version until the code is here
