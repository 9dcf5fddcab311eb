module kompass.krz.de/cmd/kompass

go 1.26.0

require (
	kompass.krz.de/gateway v0.0.0
	kompass.krz.de/proto v0.0.0
	kompass.krz.de/services v0.0.0
)

replace (
	kompass.krz.de/gateway => ../../gateway
	kompass.krz.de/proto => ../../proto
	kompass.krz.de/services => ../../services
)
