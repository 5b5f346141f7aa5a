// Servers of Go's crypto/tls, in one process: what Kubernetes' own components are made of.
package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"os"
)

type server struct {
	Address         string
	Chains, Keys    []string
	Lowest, Highest uint16
	Suites          []uint16
	Groups          []tls.CurveID
	Ask             int
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func serve(one server) net.Listener {
	var pairs []tls.Certificate
	for index, chain := range one.Chains {
		pair, err := tls.LoadX509KeyPair(chain, one.Keys[index])
		must(err)
		pairs = append(pairs, pair)
	}
	listener, err := tls.Listen("tcp", one.Address, &tls.Config{
		Certificates: pairs, MinVersion: one.Lowest, MaxVersion: one.Highest,
		CipherSuites: one.Suites, CurvePreferences: one.Groups, ClientAuth: tls.ClientAuthType(one.Ask),
	})
	must(err)
	return listener
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var wanted []server
	must(json.Unmarshal(text, &wanted))
	for _, one := range wanted {
		listener := serve(one)
		go func() {
			for {
				connection, err := listener.Accept()
				must(err)
				go func() {
					defer connection.Close()
					buffer := make([]byte, 4096)
					connection.Read(buffer)
				}()
			}
		}()
	}
	buffer := make([]byte, 1)
	os.Stdin.Read(buffer)
}
