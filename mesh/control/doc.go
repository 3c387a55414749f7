// Package control is the local API of an appliance: the JSON shapes, the
// server on the unix socket that the daemon runs, and the client the command
// line uses. It holds no logic of the mesh; the engine registers one function
// per Route.
//
// Every answer is one JSON object (or one per line, for a stream) with the
// same head: schema, kind, appliance, time, and item or items. Numbers carry
// their unit in the name, times are RFC 3339 UTC, and what is unknown is
// absent. Within a schema number fields are only ever added.
package control
