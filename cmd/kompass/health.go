package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// partHealth answers grpc.health.v1 from what the services are at this moment, not from what they were at the start.
type partHealth struct {
	healthv1.UnimplementedHealthServer
	p *platform
}

// Check answers for one service by its gRPC name, or with an empty name for all that run here.
func (h *partHealth) Check(_ context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	state := h.state(r.GetService())
	if state == healthv1.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &healthv1.HealthCheckResponse{Status: state}, nil
}

func (h *partHealth) state(service string) healthv1.HealthCheckResponse_ServingStatus {
	state, known := healthv1.HealthCheckResponse_SERVING, service == ""
	for name, s := range h.p.services {
		if service != "" && service != grpcNames[name] {
			continue
		}
		known = true
		if ready, _ := s.IsReady(); !ready || !h.p.open.Load() || h.p.site.Failed != nil && h.p.site.Failed() != nil {
			state = healthv1.HealthCheckResponse_NOT_SERVING
		}
	}
	if !known {
		return healthv1.HealthCheckResponse_SERVICE_UNKNOWN
	}
	return state
}

// healthCheck is how often a watcher's answer is looked at again: a full disk and a broken replica have no signal in common.
const healthCheck = 100 * time.Millisecond

// Watch tells one who spreads calls over replicas whether this one takes any, at once when it leaves.
func (h *partHealth) Watch(r *healthv1.HealthCheckRequest, stream grpc.ServerStreamingServer[healthv1.HealthCheckResponse]) error {
	tick := time.NewTicker(healthCheck)
	defer tick.Stop()
	told := healthv1.HealthCheckResponse_UNKNOWN
	for leaving := false; ; {
		if state := h.state(r.GetService()); state != told {
			if err := stream.Send(&healthv1.HealthCheckResponse{Status: state}); err != nil {
				return err
			}
			told = state
		}
		if leaving {
			return status.Error(codes.Unavailable, "leaving")
		}
		select {
		case <-tick.C:
		case <-h.p.leaving:
			leaving = true
		case <-stream.Context().Done():
			return nil
		}
	}
}
