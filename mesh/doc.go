// Package mesh is the engine of an appliance: it pairs, schedules, sends,
// receives, prunes and recovers. It alone turns a network fact into a stored
// one.
//
//	           mesh/control (unix socket)
//	                  │ requests
//	mesh/plan ◄── Node ──► state
//	 decides      │  │      remembers
//	              │  └──────► btrfs, btrfs/receive
//	              ▼             act on pools
//	           stream
//	        moves bytes
//
// A Node owns lifetimes and nothing else. What decides is pure: [plan.Plan]
// says what runs, [plan.Base] from which parent, [plan.Retain] what stays, and
// admission whether an offer may go on. What acts is one type per side of a
// run: sending and receiving, each carrying a run through its states.
package mesh
