// A server of MySQL's protocol, as Vitess runs it in production: the way to log in that MySQL has had by default since 8.0.
package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"os"

	"vitess.io/vitess/go/mysql"
	"vitess.io/vitess/go/mysql/replication"
	"vitess.io/vitess/go/sqltypes"
	querypb "vitess.io/vitess/go/vt/proto/query"
	"vitess.io/vitess/go/vt/vtenv"
)

// One server: where it listens, with which accounts (JSON, as vtgate takes it), in which way.
type wanted struct {
	Address, Chain, Key string
	Accounts            json.RawMessage
	// Known: the server remembers each password's hash, as after a first login; else it asks for the password itself.
	Known bool
	// Announced: it names caching_sha2_password in its greeting; else it switches to it.
	Announced bool
}

type accounts struct {
	*mysql.AuthServerStatic
	wanted
	methods []mysql.AuthMethod
}

func (a *accounts) AuthMethods() []mysql.AuthMethod { return a.methods }

func (a *accounts) DefaultAuthMethodDescription() mysql.AuthMethodDescription {
	if a.Announced {
		return mysql.CachingSha2Password
	}
	return mysql.MysqlNativePassword
}

func (a *accounts) UserEntryWithCacheHash(c *mysql.Conn, salt []byte, user string, answer []byte, from net.Addr) (mysql.Getter, mysql.CacheState, error) {
	if !a.Known {
		return nil, mysql.AuthNeedMoreData, nil
	}
	return a.AuthServerStatic.UserEntryWithCacheHash(c, salt, user, answer, from)
}

var errNothing = errors.New("nothing is served here but logins")

type handler struct {
	mysql.UnimplementedHandler
	environment *vtenv.Environment
}

func (h handler) ComQuery(*mysql.Conn, string, func(*sqltypes.Result) error) error { return errNothing }
func (h handler) ComQueryMulti(*mysql.Conn, string, func(sqltypes.QueryResponse, bool, bool) error) error {
	return errNothing
}
func (h handler) ComPrepare(*mysql.Conn, string) ([]*querypb.Field, uint16, error) {
	return nil, 0, errNothing
}
func (h handler) ComStmtExecute(*mysql.Conn, *mysql.PrepareData, func(*sqltypes.Result) error) error {
	return errNothing
}
func (h handler) ComRegisterReplica(*mysql.Conn, string, uint16, string, string) error {
	return errNothing
}
func (h handler) ComBinlogDump(*mysql.Conn, string, uint32) error { return errNothing }
func (h handler) ComBinlogDumpGTID(*mysql.Conn, string, uint64, replication.GTIDSet, uint16) error {
	return errNothing
}
func (h handler) WarningCount(*mysql.Conn) uint16 { return 0 }
func (h handler) Env() *vtenv.Environment         { return h.environment }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var servers []wanted
	must(json.Unmarshal(text, &servers))
	environment, err := vtenv.New(vtenv.Options{MySQLServerVersion: "8.4.6"})
	must(err)
	for _, one := range servers {
		who := &accounts{wanted: one}
		who.AuthServerStatic = mysql.NewAuthServerStatic("", string(one.Accounts), 0)
		who.methods = []mysql.AuthMethod{mysql.NewSha2CachingAuthMethod(who, who, who)}
		listener, err := mysql.NewListener("tcp", one.Address, who, handler{environment: environment}, 0, 0, false, false, 0, 0, false)
		must(err)
		if one.Chain != "" {
			pair, err := tls.LoadX509KeyPair(one.Chain, one.Key)
			must(err)
			listener.TLSConfig.Store(&tls.Config{Certificates: []tls.Certificate{pair}})
		}
		go listener.Accept()
	}
	buffer := make([]byte, 1)
	os.Stdin.Read(buffer)
}
