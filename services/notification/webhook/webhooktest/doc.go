// Package webhooktest stands in for the world outside in tests of webhooks: a receiver that misbehaves on command and a name
// server whose answers change. Everything listens on loopback. It must never be part of a program.
package webhooktest
