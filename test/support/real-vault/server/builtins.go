package main

import (
	"sort"

	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// factories are the plugins that can be mounted, under the names that Vault's own catalogue gives them.
var factories = map[consts.PluginType]map[string]logical.Factory{
	consts.PluginTypeSecrets:    {"kv": kv.Factory},
	consts.PluginTypeCredential: {"approle": approle.Factory, "jwt": jwt.Factory},
}

// builtins is the catalogue: Vault's own names every plugin there is, and so compiles them all.
type builtins struct{}

func (builtins) Contains(name string, kind consts.PluginType) bool {
	_, found := factories[kind][name]
	return found
}

func (builtins) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory, found := factories[kind][name]
	return func() (interface{}, error) { return factory, nil }, found
}

func (builtins) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range factories[kind] {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	if _, found := factories[kind][name]; !found {
		return consts.Unknown, false
	}
	return consts.Supported, true
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
