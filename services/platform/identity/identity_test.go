package identity

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	_ "kompass.krz.de/proto/kompass/marketplace/v1"
	_ "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
)

const (
	getTheme  = "/kompass.catalogue.v1.CatalogueService/GetTheme"
	relevance = "/kompass.catalogue.v1.CatalogueService/GetRelevance"
	update    = "/kompass.catalogue.v1.CatalogueService/UpdateRelevance"
	importer  = "/kompass.catalogue.v1.CatalogueService/ImportCatalogue"
	openData  = "/kompass.marketplace.v1.MarketplaceService/GetOpenProjects"
	remove    = "/kompass.municipality.v1.MunicipalityService/DeleteImplementation"
)

func bearer(values ...string) context.Context {
	return metadata.NewIncomingContext(context.Background(), metadata.MD{"authorization": values})
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	shut := New("kompass_k")
	loopback := shut.OpenReads(true)
	cases := map[string]struct {
		keys   *Keys
		ctx    context.Context //nolint:containedctx // a case of a table
		method string
		actor  string
		want   *fault.Reason
	}{
		"open read":                {loopback, context.Background(), getTheme, Anonymous, nil},
		"open read, two bindings":  {loopback, context.Background(), relevance, Anonymous, nil},
		"read with key":            {loopback, bearer("Bearer kompass_k"), getTheme, Administrator, nil},
		"read with wrong key":      {loopback, bearer("Bearer kompass_x"), getTheme, "", fault.KeyInvalid},
		"shut read":                {shut, context.Background(), getTheme, "", fault.Unauthenticated},
		"shut read with key":       {shut, bearer("bearer kompass_k"), getTheme, Administrator, nil},
		"public":                   {shut, context.Background(), openData, Anonymous, nil},
		"public on loopback":       {loopback, context.Background(), openData, Anonymous, nil},
		"public with key":          {shut, bearer("Bearer kompass_k"), openData, Administrator, nil},
		"public with wrong key":    {shut, bearer("Bearer kompass_x"), openData, "", fault.KeyInvalid},
		"beside a public one":      {shut, context.Background(), "/kompass.marketplace.v1.MarketplaceService/ListProjects", "", fault.Unauthenticated},
		"change":                   {loopback, context.Background(), update, "", fault.Unauthenticated},
		"change with key":          {loopback, bearer("Bearer kompass_k"), update, Administrator, nil},
		"import":                   {loopback, context.Background(), importer, "", fault.Unauthenticated},
		"delete":                   {loopback, context.Background(), remove, "", fault.Unauthenticated},
		"unknown method":           {loopback, context.Background(), "/kompass.catalogue.v1.CatalogueService/GetNothing", "", fault.Unauthenticated},
		"unknown service":          {loopback, context.Background(), "/x.Y/GetZ", "", fault.Unauthenticated},
		"a message is no method":   {loopback, context.Background(), "/kompass.catalogue.v1/Theme", "", fault.Unauthenticated},
		"nonsense":                 {loopback, context.Background(), "", "", fault.Unauthenticated},
		"two keys":                 {loopback, bearer("Bearer kompass_k", "Bearer kompass_k"), update, "", fault.KeyInvalid},
		"basic":                    {loopback, bearer("Basic kompass_k"), update, "", fault.KeyInvalid},
		"bare key":                 {loopback, bearer("kompass_k"), update, "", fault.KeyInvalid},
		"empty":                    {loopback, bearer(""), update, "", fault.KeyInvalid},
		"longer":                   {loopback, bearer("Bearer kompass_kk"), update, "", fault.KeyInvalid},
		"health":                   {shut, context.Background(), "/grpc.health.v1.Health/Check", Anonymous, nil},
		"reflection":               {shut, context.Background(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Anonymous, nil},
		"looks like health":        {shut, context.Background(), "/grpc.health.v1x.Health/Check", "", fault.Unauthenticated},
		"other service of grpc.io": {shut, context.Background(), "/grpc.channelz.v1.Channelz/GetServers", "", fault.Unauthenticated},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time from the cache
				actor, err := c.keys.Authenticate(c.ctx, c.method)
				if actor != c.actor || c.want == nil && err != nil || c.want != nil && !fault.Is(err, c.want) {
					t.Errorf("got %q, %v", actor, err)
				}
			}
		})
	}
}

func TestOneBindingThatChangesMakesAChange(t *testing.T) {
	t.Parallel()
	get := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/a"}}
	post := &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/a"}}
	both := &annotations.HttpRule{Pattern: get.GetPattern(), AdditionalBindings: []*annotations.HttpRule{get, post}}
	if !readOnly(get) || readOnly(post) || readOnly(both) || readOnly(nil) {
		t.Errorf("get %v, post %v, both %v, none %v", readOnly(get), readOnly(post), readOnly(both), readOnly(nil))
	}
}

// TestPublicOpensReadsAlone: a change stays shut whatever else the contract says of it.
func TestPublicOpensReadsAlone(t *testing.T) {
	t.Parallel()
	get := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/a"}}
	post := &annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1/a"}}
	both := &annotations.HttpRule{Pattern: get.GetPattern(), AdditionalBindings: []*annotations.HttpRule{post}}
	for _, c := range []struct {
		rule   *annotations.HttpRule
		public bool
		want   access
	}{
		{get, true, public}, {get, false, read}, {post, true, change}, {both, true, change}, {nil, true, change},
	} {
		options := &descriptorpb.MethodOptions{}
		if c.rule != nil {
			proto.SetExtension(options, annotations.E_Http, c.rule)
		}
		proto.SetExtension(options, commonv1.E_Public, c.public)
		if got := accessBy(options); got != c.want {
			t.Errorf("%v, public %v: %v, want %v", c.rule, c.public, got, c.want)
		}
	}
}

// TestPublicMethods names all methods that everybody may call: another one is a decision, not an accident.
func TestPublicMethods(t *testing.T) {
	t.Parallel()
	var names []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if accessBy(methods.Get(j).Options()) == public {
					names = append(names, string(methods.Get(j).Name()))
				}
			}
		}
		return true
	})
	slices.Sort(names)
	if want := []string{"GetOpenOffers", "GetOpenProgress", "GetOpenProjects"}; !slices.Equal(names, want) {
		t.Errorf("public: %v, want %v", names, want)
	}
}

func TestLoadOrCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made, err := LoadOrCreate(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, TokenFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !wellFormed(strings.TrimSpace(string(text))) {
		t.Fatalf("the file holds %q, %v", text, err)
	}
	loaded, err := LoadOrCreate(dir)
	if err != nil || loaded.digest != made.digest {
		t.Fatalf("the second start has another key: %v", err)
	}
	if actor, err := loaded.Authenticate(bearer("Bearer "+strings.TrimSpace(string(text))), update); err != nil || actor != Administrator {
		t.Errorf("the key of the file is not taken: %v", err)
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	if other, err := LoadOrCreate(t.TempDir()); err != nil || other.digest == made.digest {
		t.Errorf("two directories share a key: %v", err)
	}
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	good := "kompass_" + strings.Repeat("A", 43)
	cases := map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"fine":      {good, 0o600, ""},
		"read only": {good + "\n", 0o400, ""},
		"group":     {good, 0o640, "chmod 600"},
		"others":    {good, 0o604, "chmod 600"},
		"writable":  {good, 0o622, "chmod 600"},
		"empty":     {"", 0o600, "holds no key"},
		"half":      {good[:20], 0o600, "holds no key"},
		"no prefix": {strings.Repeat("A", 43), 0o600, "holds no key"},
		"huge":      {strings.Repeat(" ", 2000) + good, 0o600, "holds no key"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, TokenFile)
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreate(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), good[8:]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	if err := os.Mkdir(filepath.Join(t.TempDir(), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing directory is taken")
	}
}

// Two processes that start at the same moment end up with one key.
func TestConcurrentFirstStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	found := make([]*Keys, 8)
	for i := range found {
		wg.Go(func() {
			var err error
			if found[i], err = LoadOrCreate(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range found {
		if k != nil && k.digest != found[0].digest {
			t.Fatal("two keys")
		}
	}
}
