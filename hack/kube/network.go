package main

// The network agent of a node, under the name and the manifest that kind gives
// its own. It keeps three things true: the node's CNI configuration hands out
// its podCIDR, every other node's podCIDR is routed to that node, and what
// leaves the pod subnet is masqueraded. IPv4 only, no NetworkPolicy.

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	cniFile     = "/etc/cni/net.d/10-kindnet.conflist"
	cniTemplate = `{"cniVersion":"0.4.0","name":"kindnet","plugins":[
{"type":"ptp","ipMasq":false,"mtu":%d,"ipam":{"type":"host-local","dataDir":"/run/cni-ipam-state",
"routes":[{"dst":"0.0.0.0/0"}],"ranges":[[{"subnet":"%s"}]]}},
{"type":"portmap","capabilities":{"portMappings":true}}]}`
	syncPeriod = 2 * time.Second
	defaultMTU = 1500
)

func runNetworkAgent() {
	config, err := rest.InClusterConfig()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		// The Service address needs kube-proxy, which needs a network first.
		config.Host = "https://" + endpoint
	}
	client := kubernetes.NewForConfigOrDie(config)
	own, subnet := os.Getenv("HOST_IP"), os.Getenv("POD_SUBNET")
	for ; ; time.Sleep(syncPeriod) {
		// From the API server's cache: cheap enough to ask every time.
		nodes, err := client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			fmt.Println("list nodes:", err)
			continue
		}
		for _, node := range nodes.Items {
			if err := connect(node, own, subnet); err != nil {
				fmt.Println(node.Name+":", err)
			}
		}
	}
}

func connect(node v1.Node, own, subnet string) error {
	address := internalIPv4(node)
	if address == nil || node.Spec.PodCIDR == "" {
		return nil
	}
	if address.String() != own {
		_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
		if err != nil {
			return err
		}
		return netlink.RouteReplace(&netlink.Route{Dst: pods, Gw: address})
	}
	if err := masquerade(subnet); err != nil {
		return err
	}
	return configure(node.Spec.PodCIDR)
}

func internalIPv4(node v1.Node) net.IP {
	for _, address := range node.Status.Addresses {
		if address.Type == v1.NodeInternalIP {
			if ip := net.ParseIP(address.Address).To4(); ip != nil {
				return ip
			}
		}
	}
	return nil
}

func masquerade(subnet string) error {
	rule := func(action string) *exec.Cmd {
		return exec.Command("iptables", "-w", "-t", "nat", action, "POSTROUTING", "-s", subnet, "!", "-d", subnet, "-j", "MASQUERADE")
	}
	if rule("-C").Run() == nil {
		return nil
	}
	if out, err := rule("-A").CombinedOutput(); err != nil {
		return fmt.Errorf("iptables: %w %s", err, out)
	}
	return nil
}

func configure(podCIDR string) error {
	mtu := defaultMTU
	if link, err := netlink.LinkByName("eth0"); err == nil {
		mtu = link.Attrs().MTU
	}
	want := fmt.Sprintf(cniTemplate, mtu, podCIDR)
	if have, err := os.ReadFile(cniFile); err == nil && string(have) == want {
		return nil
	}
	// The runtime watches the folder: the file has to appear whole.
	if err := os.WriteFile(cniFile+".tmp", []byte(want), 0o644); err != nil {
		return err
	}
	fmt.Println("wrote", cniFile, podCIDR)
	return os.Rename(cniFile+".tmp", cniFile)
}
