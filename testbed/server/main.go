// Command server is what the product's small services are made of: HTTPS or a line protocol, with Go's own TLS.
//
// It serves what it is told at -listen: with -certificate FOLDER (tls.crt and tls.key, as a Secret of type
// kubernetes.io/tls is mounted) over TLS, without it in plain text.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"time"
)

var (
	listen      = flag.String("listen", ":8443", "address")
	certificate = flag.String("certificate", "", "folder of tls.crt and tls.key; none: plain text")
	speak       = flag.String("speak", "http", "http or lines")
	hardened    = flag.Bool("hardened", false, "authenticated encryption only, and headers that browsers want")
)

// Authenticated encryption with forward secrecy; Go itself still offers CBC up to TLS 1.2.
var strong = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(filepath.Join(*certificate, "tls.crt"), filepath.Join(*certificate, "tls.key"))
		if err != nil {
			log.Fatal(err)
		}
		settings := &tls.Config{Certificates: []tls.Certificate{pair}}
		if *hardened {
			settings.MinVersion, settings.CipherSuites = tls.VersionTLS12, strong
		}
		listener = tls.NewListener(listener, settings)
	}
	log.Printf("%s at %s", *speak, *listen)
	if *speak == "lines" {
		lines(listener)
		return
	}
	server := &http.Server{Handler: pages(), ReadTimeout: 30 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	log.Fatal(server.Serve(listener))
}

// lines answers each line with a line, as a queue or a syslog receiver would with its own protocol.
func lines(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer connection.Close()
			connection.SetDeadline(time.Now().Add(30 * time.Second))
			buffer := make([]byte, 4096)
			for {
				read, err := connection.Read(buffer)
				if err != nil {
					return
				}
				fmt.Fprintf(connection, "%d bytes\n", read)
			}
		}()
	}
}

func pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) { io.WriteString(answer, "ok\n") })
	mux.HandleFunc("/metrics", func(answer http.ResponseWriter, _ *http.Request) { io.WriteString(answer, "orders_total 7\n") })
	mux.HandleFunc("/validate", validate)
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if *hardened {
			head := answer.Header()
			head.Set("X-Content-Type-Options", "nosniff")
			head.Set("Strict-Transport-Security", "max-age=31536000")
		}
		mux.ServeHTTP(answer, request)
	})
}

// validate allows everything: what matters is that the API server calls it, over TLS.
func validate(answer http.ResponseWriter, request *http.Request) {
	var review struct {
		Kind       string `json:"kind"`
		APIVersion string `json:"apiVersion"`
		Request    struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(io.LimitReader(request.Body, 8<<20)).Decode(&review); err != nil {
		http.Error(answer, "no AdmissionReview", http.StatusBadRequest)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	json.NewEncoder(answer).Encode(map[string]any{
		"kind": review.Kind, "apiVersion": review.APIVersion,
		"response": map[string]any{"uid": review.Request.UID, "allowed": true},
	})
}
