package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kompass.krz.de/services/platform/identity"
)

var splits = flag.Int("splits", 1, "how often TestSplit runs")

// TestSplit runs two replicas of each service and of the gateway, and three NATS nodes, as processes of their own. Under
// load it kills a NATS node that leads, another one, and each process in turn, each as by a power cut. Nothing that was
// acknowledged may be lost or happen twice, and who carries a revision token reads what it has written on any replica.
func TestSplit(t *testing.T) {
	t.Parallel()
	for run := range *splits {
		t.Run(fmt.Sprint(run+1), testSplit)
	}
}

func testSplit(t *testing.T) {
	begin := time.Now()
	done := func(what string, more ...any) {
		t.Logf("%6.1fs %s %s", time.Since(begin).Seconds(), what, fmt.Sprint(more...))
	}
	s := startFleet(t)
	s.ready()
	done("ready")
	s.mainJob()
	done("main job")

	load := startLoad(t, s.doors())
	leaders := s.cluster.whole(s.streams()...)
	leading := s.cluster.named(leaders["KOMPASS_KRZ_MUNICIPALITY"])
	other := s.cluster.nodes[0]
	if other == leading {
		other = s.cluster.nodes[1]
	}
	for _, n := range []*node{leading, other} {
		n.kill()
		load.goesOn("without " + n.Name)
		done("without " + n.Name)
		n.start(t)
		s.cluster.whole(s.streams()...)
		done("with "+n.Name+" again: ", load)
	}
	for _, m := range s.members {
		m.process.kill()
		load.goesOn("without a " + m.part)
		m.start(t)
		s.ready()
		done("killed a "+m.part+": ", load)
	}
	load.stop()

	s.checkReplicas(load)
	load.checkLedger(s.cluster)
	if out, code := kompass(t, "verify", "--nats-url", s.cluster.url()); code != 0 || strings.Count(out, "clean") != len(grpcNames) {
		t.Errorf("verify: %d\n%s", code, out)
	}
	done("checked")
	s.stop()
	done("stopped")
}

// member is one process of the split platform. Its addresses stay the same when it is started again.
type member struct {
	part, http, grpc, dir string
	flags                 []string
	process               *process
	conn                  *grpc.ClientConn // to this very replica
}

func (m *member) start(tb testing.TB) {
	tb.Helper()
	m.process, _ = launchBinary(tb, plainBinary(), m.dir, append([]string{"--only", m.part, "--http", m.http, "--grpc", m.grpc, "--log-level", "warn"}, m.flags...)...)
	m.process.url, m.process.grpc = "http://"+m.http, m.grpc
	p := m.process
	tb.Cleanup(func() {
		if tb.Failed() {
			_ = p.cmd.Process.Signal(syscall.SIGQUIT) // says where it hangs
			<-p.done
			tb.Logf("%s at %s:\n%s", m.part, m.grpc, p.log)
		}
	})
}

// fleet is the platform in pieces.
type fleet struct {
	tb      testing.TB
	cluster *cluster
	members []*member // the replicas of a part side by side
}

// startFleet starts two of each part on three nodes.
func startFleet(tb testing.TB) *fleet {
	tb.Helper()
	return startFleetOf(tb, 3, func(string) int { return 2 })
}

// startFleetOf starts all processes at the same moment, before the cluster has a leader.
func startFleetOf(tb testing.TB, nodes int, replicas func(part string) int) *fleet {
	tb.Helper()
	s := &fleet{tb: tb, cluster: startCluster(tb, nodes)}
	keys := tb.TempDir()
	if _, err := identity.LoadOrCreate(keys); err != nil {
		tb.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(keys, identity.TokenFile))
	if err != nil {
		tb.Fatal(err)
	}
	addresses := map[string][]string{}
	for _, part := range parts {
		for range replicas(part) {
			m := &member{part: part, http: steadyAddress(tb), grpc: steadyAddress(tb), dir: tb.TempDir()}
			writeKey(tb, m.dir, strings.TrimSpace(string(key)))
			if m.conn, err = grpc.NewClient(m.grpc, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { _ = m.conn.Close() })
			addresses[part] = append(addresses[part], m.grpc)
			s.members = append(s.members, m)
		}
	}
	for _, m := range s.members {
		m.flags = []string{"--nats-url", s.cluster.url(), "--replicas", fmt.Sprint(nodes)}
		if m.part == "gateway" {
			m.flags = nil // it has no ledger
			for part := range grpcNames {
				m.flags = append(m.flags, "--"+part+"-addr", strings.Join(addresses[part], ","))
			}
		}
		m.start(tb)
	}
	return s
}

// ready waits until every process says so itself.
func (s *fleet) ready() {
	s.tb.Helper()
	for _, m := range s.members {
		eventually(s.tb, m.part+" is ready", func() error {
			if m.part == "gateway" {
				if a, err := m.process.try(http.MethodGet, "/readyz", nil); err != nil || a.status != http.StatusOK {
					return fmt.Errorf("%d %s %w", a.status, a.body, err)
				}
				return nil
			}
			answer, err := healthv1.NewHealthClient(m.conn).Check(s.tb.Context(), &healthv1.HealthCheckRequest{Service: grpcNames[m.part]})
			if err == nil && answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				err = fmt.Errorf("%v", answer.GetStatus())
			}
			return err
		})
	}
}

// of lists the replicas of a part.
func (s *fleet) of(part string) []*member {
	var found []*member
	for _, m := range s.members {
		if m.part == part {
			found = append(found, m)
		}
	}
	return found
}

// doors are the two gateways for clients: they stay what they are when the process behind is another one.
func (s *fleet) doors() []*process {
	var doors []*process
	for _, m := range s.of("gateway") {
		doors = append(doors, &process{tb: s.tb, dir: m.dir, url: "http://" + m.http})
	}
	return doors
}

func (s *fleet) streams() []string {
	var names []string
	for part := range grpcNames {
		names = append(names, "KOMPASS_KRZ_"+strings.ToUpper(part))
	}
	return names
}

// loadKeys are the services that the load writes about.
var loadKeys = []string{"99102013002001", "99102013002002", "99102013002003", "99102013002004"}

// mainJob goes from files to the portal, each step through another gateway than the one before, with nothing but the newest
// token in hand.
func (s *fleet) mainJob() {
	s.tb.Helper()
	doors, step, token := s.doors(), 0, ""
	do := func(method, path string, body any) answer {
		s.tb.Helper()
		step++
		a := doors[step%2].do(http.StatusOK, method, path, body, "Kompass-Revision", token)
		token = a.header.Get("Kompass-Revision")
		return a
	}
	catalogue := "leika_key;name;ozg_id\n" + hundesteuer + ";Hundesteuer Festsetzung;10160\n"
	for _, key := range loadKeys {
		catalogue += key + ";Leistung " + key + ";10160\n"
	}
	do(http.MethodPost, "/v1/catalogue:import", catalogue)
	do(http.MethodPost, "/v1/catalogue:import", "target;mittlere_kreisangehoerige_stadt\n"+hundesteuer+";ja\n")
	do(http.MethodPost, "/v1/municipalities:import", "ags;name;einwohner;groessenklasse\n05758004;Bünde, Stadt;46030;mittlere_kreisangehoerige_stadt\n")
	if got := names(do(http.MethodGet, buende+"/gaps", nil).json(s.tb)["gaps"], "leikaKey"); len(got) != 1 || got[0] != hundesteuer {
		s.tb.Fatalf("gaps %q", got)
	}
	do(http.MethodPost, "/v1/solutions?solutionId=hund", `{"displayName":"Hundesteuer online","kind":"KIND_FORM","coverage":[{"publicService":"publicServices/`+hundesteuer+`","maturity":{"level":3}}]}`)
	do(http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"phase":"PHASE_ONLINE","maturity":{"level":3},"url":"https://buende.example/hund"}`)
	for range 4 { // every replica gets its turn
		if gaps := do(http.MethodGet, buende+"/gaps", nil).json(s.tb); gaps["totalSize"] != float64(0) {
			s.tb.Fatalf("the gap is still there: %v", gaps)
		}
		if got := names(do(http.MethodGet, buende+"/onlineServices", nil).json(s.tb)["onlineServices"], "url"); len(got) != 1 {
			s.tb.Fatalf("the portal sees %q", got)
		}
		do(http.MethodGet, "/v1/solutions/hund", nil)
	}
}

// stop ends everything as an operator would, services first: the gateways say that they are not ready any more.
func (s *fleet) stop() {
	s.tb.Helper()
	end := func(members []*member) {
		var group sync.WaitGroup
		for _, m := range members {
			group.Go(m.process.stop)
		}
		group.Wait()
	}
	end(s.members[:6])
	for _, door := range s.doors() {
		eventually(s.tb, "a gateway without services says so", func() error {
			if a, err := door.try(http.MethodGet, "/readyz", nil); err != nil || a.status != http.StatusServiceUnavailable {
				return fmt.Errorf("%d %w", a.status, err)
			}
			return nil
		})
		if a := door.do(http.StatusServiceUnavailable, http.MethodGet, buende, nil); !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
			s.tb.Errorf("without services a read is answered with %v", a.header)
		}
	}
	end(s.members[6:])
}
