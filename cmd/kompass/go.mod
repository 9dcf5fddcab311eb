module kompass.krz.de/cmd/kompass

go 1.26.0

require (
	kompass.krz.de/gateway v0.0.0
	kompass.krz.de/proto v0.0.0
	kompass.krz.de/services v0.0.0
)

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/schollz/progressbar/v3 v3.19.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/term v0.46.0 // indirect
)

replace (
	kompass.krz.de/gateway => ../../gateway
	kompass.krz.de/proto => ../../proto
	kompass.krz.de/services => ../../services
)
