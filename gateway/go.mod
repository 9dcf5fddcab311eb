module kompass.krz.de/gateway

go 1.26.0

require kompass.krz.de/proto v0.0.0

replace kompass.krz.de/proto => ../proto
