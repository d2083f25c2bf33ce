// Package discover stands in for the search for peers in twenty clouds: a server in memory has none, and the
// real package costs every cloud's SDK.
package discover

import (
	"errors"
	"log"
)

type Provider interface {
	Addrs(args map[string]string, l *log.Logger) ([]string, error)
	Help() string
}

var Providers = map[string]Provider{}

type Option func(*Discover) error

func WithProviders(map[string]Provider) Option {
	return func(*Discover) error { return nil }
}

type Discover struct{}

func New(...Option) (*Discover, error) { return &Discover{}, nil }

func (*Discover) Addrs(string, *log.Logger) ([]string, error) {
	return nil, errors.New("cannot look for peers: this server is built without discovery")
}
