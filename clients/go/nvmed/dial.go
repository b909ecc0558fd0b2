package nvmed

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// TLS names the PEM files of a mutually authenticated connection.
type TLS struct {
	// CA verifies the daemon.
	CA string
	// Certificate and Key prove who calls. They are read again for each connection, so a renewed pair needs no restart.
	Certificate, Key string
	// ServerName is the name that the daemon's certificate must have, where it is not the address's host.
	ServerName string
}

// Dial prepares a connection to the daemon at address, which is unix:/path, /path or host:port; it is made with the
// first call, and again whenever it broke. TLS is needed towards another host and has no use on a unix socket, where
// permissions say who may connect.
func Dial(address string, files *TLS, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	target, loopback := parse(address)
	if files == nil && !loopback {
		return nil, fmt.Errorf("%s is another host and needs TLS: give CA, certificate and key", address)
	}
	transport := insecure.NewCredentials()
	if files != nil {
		config, err := files.config()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	return grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		// Proxy variables are meant for the web, not for the storage host next door.
		grpc.WithNoProxy(),
		// A stream can be silent while a drive thinks, so only pings show that its connection is dead.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// gRPC waits up to two minutes before it connects again, longer than a daemon needs to start.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstDelay, Multiplier: 2, Jitter: 0.2, MaxDelay: maxDelay},
			MinConnectTimeout: 5 * time.Second,
		}),
	}, options...)...)
}

// parse returns address as gRPC takes it, and whether bytes to it stay on this host.
func parse(address string) (target string, loopback bool) {
	if strings.HasPrefix(address, "/") {
		return "unix:" + address, true
	}
	if strings.HasPrefix(address, "unix:") {
		return address, true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address, false
	}
	return address, host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (files *TLS) config() (*tls.Config, error) {
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", files.CA)
	}
	config := &tls.Config{RootCAs: roots, ServerName: files.ServerName, MinVersion: tls.VersionTLS13}
	if files.Certificate == "" && files.Key == "" {
		return config, nil
	}
	if files.Certificate == "" || files.Key == "" {
		return nil, errors.New("a certificate needs its key and a key its certificate")
	}
	if _, err := tls.LoadX509KeyPair(files.Certificate, files.Key); err != nil {
		return nil, err // now, rather than with the first call
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
		return &pair, err
	}
	return config, nil
}
