// A go-nsq consumer that finds topics through nsqlookupd: ../../cluster.py tells what this does.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nsqio/go-nsq"
)

var (
	lookupds = flag.String("lookupds", "", "")
	topic    = flag.String("topic", "", "")
	channel  = flag.String("channel", "", "")
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	flag.Parse()
	config := nsq.NewConfig()
	config.LookupdPollInterval = 100 * time.Millisecond
	config.LookupdPollJitter = 0
	config.MaxInFlight = 200
	consumer, err := nsq.NewConsumer(*topic, *channel, config)
	must(err)
	consumer.SetLoggerLevel(nsq.LogLevelError)
	consumer.AddHandler(nsq.HandlerFunc(func(message *nsq.Message) error {
		fmt.Printf("%s\n", message.Body)
		return nil
	}))
	must(consumer.ConnectToNSQLookupds(strings.Split(*lookupds, ",")))
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	consumer.Stop()
	<-consumer.StopChan
}
