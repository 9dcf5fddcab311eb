// Package marketplace is the service that knows who offers which solution, and which owed services nobody's solution closes.
// It owns the stream "marketplace" and follows "catalogue" and "municipality", of which it keeps what it needs and no more.
// It must never change what other services own, and never let a client write a solution's state or the history of its
// promised date.
package marketplace
