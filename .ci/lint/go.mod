module kompass.krz.de/lint

go 1.26.0
