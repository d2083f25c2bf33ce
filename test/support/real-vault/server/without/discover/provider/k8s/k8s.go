// Package k8s stands in for the search for peers in a Kubernetes cluster.
package k8s

import (
	"errors"
	"log"
)

type Provider struct{}

func (*Provider) Addrs(map[string]string, *log.Logger) ([]string, error) {
	return nil, errors.New("cannot look for peers: this server is built without discovery")
}

func (*Provider) Help() string { return "" }
