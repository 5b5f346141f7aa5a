module zoo

go 1.24
