package main

import (
	"context"

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
	state, known := healthv1.HealthCheckResponse_SERVING, r.GetService() == ""
	for name, s := range h.p.services {
		if r.GetService() != "" && r.GetService() != grpcNames[name] {
			continue
		}
		known = true
		if ready, _ := s.IsReady(); !ready || !h.p.open.Load() || h.p.site.Failed != nil && h.p.site.Failed() != nil {
			state = healthv1.HealthCheckResponse_NOT_SERVING
		}
	}
	if !known {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &healthv1.HealthCheckResponse{Status: state}, nil
}
