module preaudit.example/testbed/pause

go 1.25.0
