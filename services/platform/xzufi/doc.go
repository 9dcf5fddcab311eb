// Package xzufi reads deliveries in XZuFi 2.2, the XML in which the federation, the states and the portals exchange public
// services. It streams: what a delivery may cost is bounded, and each object becomes a plain struct as soon as it ends.
// It must never take an empty or broken delivery for an order to delete, and never resolve entities.
package xzufi
