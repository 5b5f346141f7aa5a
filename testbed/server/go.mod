module preaudit.example/testbed/server

go 1.26.0
