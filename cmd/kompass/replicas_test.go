package main

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func TestReplicaAddresses(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{
		"10.0.0.1:9090": true, "10.0.0.1:9090,[::1]:9090, other:1": true, "dns:///catalogue:9090": true,
		"10.0.0.1": false, "10.0.0.1:9090,other": false, "dns:///catalogue": false, "dns:///a:1,b:1": false, "https://a:1": false, "a:99999": false,
	} {
		if err := checkReplicas(split(list)); (err == nil) != want {
			t.Errorf("%s: %v", list, err)
		}
	}
}

// fakeReplica counts calls, and fails them while it is dying.
type fakeReplica struct {
	municipalityv1.UnimplementedMunicipalityServiceServer
	health *health.Server
	reads  atomic.Int64
	writes atomic.Int64
	dying  atomic.Bool
}

func (f *fakeReplica) GetMunicipality(context.Context, *municipalityv1.GetMunicipalityRequest) (*municipalityv1.Municipality, error) {
	f.reads.Add(1)
	return &municipalityv1.Municipality{}, f.state()
}

func (f *fakeReplica) UpdateMunicipality(context.Context, *municipalityv1.UpdateMunicipalityRequest) (*municipalityv1.Municipality, error) {
	f.writes.Add(1)
	return &municipalityv1.Municipality{}, f.state()
}

func (f *fakeReplica) state() error {
	if f.dying.Load() {
		return status.Error(codes.Unavailable, "dying")
	}
	return nil
}

// TestCallsGoToHealthyReplicas: in turn, not to one that says it is not serving; a read finds another replica, a write is sent once.
func TestCallsGoToHealthyReplicas(t *testing.T) {
	t.Parallel()
	service := grpcNames["municipality"]
	fakes, addresses := []*fakeReplica{}, []string{}
	for range 2 {
		f := &fakeReplica{health: health.NewServer()}
		f.health.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
		srv := grpc.NewServer()
		healthv1.RegisterHealthServer(srv, f.health)
		municipalityv1.RegisterMunicipalityServiceServer(srv, f)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = srv.Serve(l) }()
		t.Cleanup(srv.Stop)
		fakes, addresses = append(fakes, f), append(addresses, l.Addr().String())
	}
	target, options, err := replicaOptions(service, addresses)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(target, clientOptions(options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	client := municipalityv1.NewMunicipalityServiceClient(conn)
	read := func() error {
		_, err := client.GetMunicipality(t.Context(), &municipalityv1.GetMunicipalityRequest{})
		return err
	}
	eventually(t, "both get calls", func() error {
		if err := read(); err != nil {
			return err
		}
		if fakes[0].reads.Load() == 0 || fakes[1].reads.Load() == 0 {
			return status.Error(codes.Unknown, "one got none")
		}
		return nil
	})

	fakes[0].dying.Store(true)
	for range 4 {
		if err := read(); err != nil {
			t.Errorf("a read did not find the other replica: %v", err)
		}
	}
	before, failed := fakes[0].writes.Load()+fakes[1].writes.Load(), 0
	for range 4 {
		if _, err := client.UpdateMunicipality(t.Context(), &municipalityv1.UpdateMunicipalityRequest{}); err != nil {
			failed++
		}
	}
	if got := fakes[0].writes.Load() + fakes[1].writes.Load() - before; got != 4 || failed != 2 {
		t.Errorf("4 writes were sent %d times, %d failed; want 4 times, 2 failed", got, failed)
	}

	fakes[0].health.SetServingStatus(service, healthv1.HealthCheckResponse_NOT_SERVING)
	eventually(t, "the sick one gets no calls", func() error {
		before := fakes[0].reads.Load()
		for range 4 {
			if err := read(); err != nil {
				return err
			}
		}
		if fakes[0].reads.Load() != before {
			return status.Error(codes.Unknown, "it got one")
		}
		return nil
	})
	fakes[1].health.SetServingStatus(service, healthv1.HealthCheckResponse_NOT_SERVING)
	eventually(t, "without a healthy replica calls fail at once", func() error {
		if err := read(); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "health") {
			return status.Errorf(codes.Unknown, "%v", err)
		}
		return nil
	})
}
