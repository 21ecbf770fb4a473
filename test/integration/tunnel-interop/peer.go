// Peer is the other end of test/integration/tunnel-interop.test.ts: hashicorp/yamux over TCP.
// It echoes every stream it accepts and obeys commands on standard input, one per line, each
// answered with one line.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/hashicorp/yamux"
)

func main() {
	role := flag.String("role", "server", "server or client, in the sense of yamux")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	conn, err := listener.Accept()
	check(err)
	session, err := newSession(conn, *role)
	check(err)
	go echoAll(session)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		if err := obey(session, commands.Text()); err != nil {
			fmt.Println("error:", err)
		} else {
			fmt.Println("ok")
		}
	}
}

func newSession(conn net.Conn, role string) (*yamux.Session, error) {
	if role == "client" {
		return yamux.Client(conn, nil)
	}
	return yamux.Server(conn, nil)
}

func obey(session *yamux.Session, line string) error {
	var command string
	var streams, size int
	fmt.Sscan(line, &command, &streams, &size)
	switch command {
	case "open":
		return openAll(session, streams, size)
	case "ping":
		_, err := session.Ping()
		return err
	case "go-away":
		return session.GoAway()
	case "close":
		return session.Close()
	}
	return fmt.Errorf("unknown command %q", line)
}

func echoAll(session *yamux.Session) {
	for {
		stream, err := session.Accept()
		if err != nil {
			return
		}
		go func() {
			defer stream.Close()
			io.Copy(stream, stream)
		}()
	}
}

func openAll(session *yamux.Session, streams, size int) error {
	var wait sync.WaitGroup
	failures := make(chan error, streams)
	for i := 0; i < streams; i++ {
		wait.Add(1)
		go func(seed int) {
			defer wait.Done()
			failures <- roundTrip(session, seed, size)
		}(i)
	}
	wait.Wait()
	for i := 0; i < streams; i++ {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

func roundTrip(session *yamux.Session, seed, size int) error {
	stream, err := session.Open()
	if err != nil {
		return err
	}
	defer stream.Close()
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i*7 + seed)
	}
	go stream.Write(sent)
	received := make([]byte, size)
	if _, err := io.ReadFull(stream, received); err != nil {
		return err
	}
	if !bytes.Equal(sent, received) {
		return fmt.Errorf("stream %d came back changed", seed)
	}
	return nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
