package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	_ "google.golang.org/grpc/health" // makes clients ask replicas for their health
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// checkReplicas reports an address that is neither HOST:PORT nor, alone, dns:///NAME:PORT.
func checkReplicas(addresses []string) error {
	for _, a := range addresses {
		name, dns := strings.CutPrefix(a, dnsScheme)
		if dns && len(addresses) > 1 {
			return fmt.Errorf("%q stands for all replicas: no other address may stand beside it", a)
		}
		if err := checkAddress(name); err != nil {
			return err
		}
	}
	return nil
}

func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil {
		return fmt.Errorf("%q is no address of the form HOST:PORT", addr)
	}
	return nil
}

const dnsScheme = "dns:///"

// replicas resolve to a fixed list of addresses; a name among them is looked up whenever a connection is made.
type replicas []string

// Build implements [resolver.Builder].
func (r replicas) Build(_ resolver.Target, client resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	var state resolver.State
	for _, addr := range r {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr}}})
	}
	return resolved{}, client.UpdateState(state)
}

// Scheme implements [resolver.Builder].
func (replicas) Scheme() string { return "replicas" }

// resolved has nothing to look up again.
type resolved struct{}

// ResolveNow implements [resolver.Resolver].
func (resolved) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements [resolver.Resolver].
func (resolved) Close() {}

// replicaOptions spread the calls of a service over those of its replicas that say they are healthy, and find one that is
// back within about a second.
func replicaOptions(service string, addresses []string) (target string, options []grpc.DialOption, err error) {
	config, err := serviceConfig(service)
	if err != nil {
		return "", nil, err
	}
	options = []grpc.DialOption{
		grpc.WithDefaultServiceConfig(config),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
		// More often than the server's own enforcement allows would be taken for abuse.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithIdleTimeout(0),
	}
	if len(addresses) == 1 {
		return dnsScheme + strings.TrimPrefix(addresses[0], dnsScheme), options, nil
	}
	list := replicas(addresses)
	return list.Scheme() + ":///" + service, append(options, grpc.WithResolvers(list)), nil
}

// serviceConfig says how a client treats the replicas of a service: in turn, healthy ones only, and reads that found a
// replica dying are sent to another one. Writes are not: whether they had their effect only the client may find out, with
// the same request id. What certainly did not reach a replica gRPC repeats by itself, writes too.
func serviceConfig(service string) (string, error) {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return "", err
	}
	reads := []name{{"grpc.health.v1.Health", "Check"}}
	methods := d.(protoreflect.ServiceDescriptor).Methods()
	for i := range methods.Len() {
		m := methods.Get(i)
		if rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule); ok && rule.GetGet() != "" {
			reads = append(reads, name{service, string(m.Name())})
		}
	}
	config, err := json.Marshal(map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": map[string]any{}}},
		"healthCheckConfig":   map[string]any{"serviceName": service},
		"methodConfig": []any{map[string]any{
			"name": reads,
			"retryPolicy": map[string]any{
				"maxAttempts": 4, "initialBackoff": "0.05s", "maxBackoff": "0.5s", "backoffMultiplier": 3, "retryableStatusCodes": []string{"UNAVAILABLE"},
			},
		}},
	})
	return string(config), err
}
