package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers says which of our packages each package may import. A package that is
// not listed fails the test: a new one has to state its place first.
var layers = map[string][]string{
	"cmd/btrmesh":      {"btrfs", "btrfs/image", "btrfs/receive", "btrfs/sendstream", "certs", "mesh", "mesh/control", "mesh/plan", "stream"},
	"mesh":             {"btrfs", "btrfs/receive", "btrfs/sendstream", "certs", "mesh/control", "mesh/discover", "mesh/gossip", "mesh/plan", "state", "stream"},
	"mesh/control":     {"btrfs", "certs"},
	"mesh/discover":    {"certs"},
	"mesh/gossip":      {"certs"},
	"mesh/plan":        {"btrfs", "certs"},
	"stream":           {"btrfs", "certs"},
	"state":            {"btrfs", "certs"},
	"certs":            {},
	"btrfs":            {"btrfs/sendstream"},
	"btrfs/sendstream": {},
	"btrfs/image":      {"btrfs"},
	"btrfs/receive":    {"btrfs", "btrfs/sendstream"},
	"btrfs/btrfstest":  {"btrfs", "btrfs/image", "btrfs/receive", "btrfs/sendstream"},
	"test/bench":       {"btrfs", "btrfs/btrfstest", "btrfs/image", "btrfs/receive", "btrfs/sendstream", "mesh/control", "test/shaper"},
	"test/journal":     {},
	"test/shaper":      {},
	"test":             {"btrfs", "btrfs/btrfstest", "btrfs/image", "btrfs/receive", "btrfs/sendstream", "certs", "mesh/control", "test/journal", "test/shaper"},
}

// identifiers lists, for packages that may know another one by its identifiers
// only, the selectors they may use.
var identifiers = map[string]map[string][]string{
	"mesh/control": {
		"btrfs": {"UUID", "ParseUUID"},
		"certs": {"ID", "ParseID", "CheckName"},
	},
	"mesh/plan": {
		"btrfs": {"UUID", "ParseUUID"},
		"certs": {"ID", "ParseID"},
	},
	"stream": {"btrfs": {"UUID", "ParseUUID"}},
	"state": {
		"btrfs": {"UUID", "ParseUUID"},
		"certs": {"ID", "ParseID", "ProofKey", "ParseProofKey"},
	},
}

// owners names, for each foreign module with one owner, the packages that may
// import it.
var owners = map[string][]string{
	"github.com/quic-go/quic-go":      {"stream"},
	"github.com/hashicorp/mdns":       {"mesh/discover"},
	"github.com/hashicorp/memberlist": {"mesh/gossip"},
	"github.com/dgraph-io/badger/v4":  {"state"},
	"github.com/urfave/cli/v2":        {"cmd/btrmesh"},
	"golang.org/x/sys/unix":           {"btrfs", "btrfs/image", "btrfs/receive", "btrfs/btrfstest", "cmd/btrmesh", "stream", "test/shaper"},
}

type listed struct {
	ImportPath, Dir, Doc string
	Imports              []string
	GoFiles              []string
}

func (p listed) name() string { return strings.TrimPrefix(p.ImportPath, "btrmesh/") }

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles", "./...")
	cmd.Dir = ".."
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil {
		t.Fatalf("go list: %v\n%s", err, diag.String())
	}
	var all []listed
	for dec := json.NewDecoder(&out); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := layers[p.name()]
		if !known {
			t.Errorf("package %s has no line in the layer table", p.name())
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, "btrmesh/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which is not below it", p.name(), ours)
			}
			checkOwner(t, p.name(), imp)
		}
		for of, selectors := range identifiers[p.name()] {
			checkSelectors(t, p, of, selectors)
		}
	}
}

func checkOwner(t *testing.T, pkg, imp string) {
	t.Helper()
	for module, by := range owners {
		if (imp == module || strings.HasPrefix(imp, module+"/")) && !slices.Contains(by, pkg) {
			t.Errorf("%s imports %s, which only %v may", pkg, imp, by)
		}
	}
}

// checkSelectors reports uses of package of in p beyond the allowed selectors.
func checkSelectors(t *testing.T, p listed, of string, allowed []string) {
	t.Helper()
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && x.Name == of && imports(file, of) && !slices.Contains(allowed, sel.Sel.Name) {
				t.Errorf("%s/%s uses %s.%s; it may know only %v", p.name(), name, of, sel.Sel.Name, allowed)
			}
			return true
		})
	}
}

func imports(f *ast.File, pkg string) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"btrmesh/`+pkg+`"` })
}

func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no comment", p.name())
		}
		if n := packageComments(t, p); n > 1 {
			t.Errorf("package %s has %d package comments; keep one", p.name(), n)
		}
	}
}

func packageComments(t *testing.T, p listed) int {
	t.Helper()
	n := 0
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc != nil {
			n++
		}
	}
	return n
}
