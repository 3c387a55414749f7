package control

// The levels of a warning.
const (
	Degraded = "degraded" // late, offline, service off
	Critical = "critical" // lag above 3 times the frequency, refused, no space
)

// Status is the overview of an appliance and of its mesh.
type Status struct {
	Node       Node        `json:"node"`
	Appliances []Appliance `json:"appliances"`
	Send       []Task      `json:"send"`
	Receive    []Replica   `json:"receive"`
	Warnings   []Warning   `json:"warnings"` // about this appliance; see Twin.Warning and HeldRemoval.Warning

	Pools     []Pool        `json:"pools,omitempty"`      // of the whole mesh, those here first
	MeshTasks []MeshTask    `json:"mesh_tasks,omitempty"` // of other appliances
	Held      []HeldRemoval `json:"held,omitempty"`
	Twins     []Twin        `json:"twins,omitempty"` // that nobody has settled
}

// Node is the running daemon.
type Node struct {
	Appliance     string  `json:"appliance"`
	ID            string  `json:"id"`
	Version       string  `json:"version"`
	UptimeSeconds float64 `json:"uptime_seconds"`
	Port          int64   `json:"port"` // UDP
	ServiceOn     bool    `json:"service_on"`
}

// Warning is something an operator should know, with its cure.
type Warning struct {
	Level string   `json:"level"` // Degraded or Critical
	Text  string   `json:"text"`
	Hints []string `json:"hints,omitempty"`
}

// StatusRequest asks for the overview, or for what concerns one appliance.
type StatusRequest struct {
	Appliance string `query:"appliance"`
}

// Exit returns the exit code of `status --check`: that of the worst warning.
func (s Status) Exit() int {
	exit := ExitOK
	for _, w := range s.Warnings {
		switch w.Level {
		case Critical:
			return ExitCritical
		case Degraded:
			exit = ExitDegraded
		}
	}
	return exit
}
