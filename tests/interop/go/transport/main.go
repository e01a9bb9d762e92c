// go-nsq over one transport: ../../transports.py tells what this does.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/nsqio/go-nsq"
)

const heldTimeout = time.Second

var (
	nsqd        = flag.String("nsqd", "", "")
	lookupd     = flag.String("lookupd", "", "")
	bodies      = flag.String("bodies", "", "")
	tlsCA       = flag.String("tls-ca", "", "")
	tlsCert     = flag.String("tls-cert", "", "")
	tlsKey      = flag.String("tls-key", "", "")
	compression = flag.String("compression", "", "")
	authSecret  = flag.String("auth-secret", "", "")
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func newConfig() *nsq.Config {
	config := nsq.NewConfig()
	if *tlsCA != "" {
		must(config.Set("tls_v1", true))
		must(config.Set("tls_root_ca_file", *tlsCA))
		// With these options go-nsq stops at 1.2; who gives it a tls.Config has what Go has.
		config.TlsConfig.MaxVersion = tls.VersionTLS13
	}
	if *tlsCert != "" {
		must(config.Set("tls_cert", *tlsCert))
		must(config.Set("tls_key", *tlsKey))
	}
	if *compression != "" {
		must(config.Set(*compression, true))
	}
	config.AuthSecret = *authSecret
	return config
}

func tell(topic string, message *nsq.Message) {
	fmt.Printf("%s %d %x\n", topic, message.Attempts, sha256.Sum256(message.Body))
}

func consume(topic string, config *nsq.Config, handle nsq.HandlerFunc) *nsq.Consumer {
	consumer, err := nsq.NewConsumer(topic, "c", config)
	must(err)
	consumer.SetLoggerLevel(nsq.LogLevelError)
	consumer.AddHandler(handle)
	if *lookupd != "" {
		must(consumer.ConnectToNSQLookupd(*lookupd))
	} else {
		must(consumer.ConnectToNSQD(*nsqd))
	}
	return consumer
}

func finish(message *nsq.Message) error {
	tell("bulk", message)
	return nil
}

func hold(message *nsq.Message) error {
	tell("held", message)
	message.DisableAutoResponse()
	if message.Attempts == 1 {
		message.RequeueWithoutBackoff(0)
		return nil
	}
	ticker := time.NewTicker(heldTimeout / 5)
	defer ticker.Stop()
	for started := time.Now(); time.Since(started) < heldTimeout*3/2; <-ticker.C {
		message.Touch()
	}
	message.Finish()
	return nil
}

// Publishes what is in the file. Returns the answers that are to come.
func publishBodies(producer *nsq.Producer, answers chan *nsq.ProducerTransaction) int {
	file, err := os.Open(*bodies)
	must(err)
	defer file.Close()
	reader := bufio.NewReader(file)
	for count := 0; ; count++ {
		var size int32
		err := binary.Read(reader, binary.BigEndian, &size)
		if errors.Is(err, io.EOF) {
			return count
		}
		must(err)
		body := make([]byte, size)
		_, err = io.ReadFull(reader, body)
		must(err)
		must(producer.PublishAsync("bulk", body, answers))
	}
}

func publish(producer *nsq.Producer) {
	answers := make(chan *nsq.ProducerTransaction, 10000)
	count := publishBodies(producer, answers)
	must(producer.PublishAsync("held", []byte("held"), answers))
	for i := 0; i < count+1; i++ {
		must((<-answers).Error)
	}
}

func main() {
	flag.Parse()
	bulkConfig, heldConfig := newConfig(), newConfig()
	bulkConfig.MaxInFlight = 2500
	heldConfig.MsgTimeout = heldTimeout
	consumers := []*nsq.Consumer{consume("bulk", bulkConfig, finish), consume("held", heldConfig, hold)}
	producer, err := nsq.NewProducer(*nsqd, newConfig())
	must(err)
	producer.SetLoggerLevel(nsq.LogLevelError)
	publish(producer)
	_, err = io.Copy(io.Discard, os.Stdin)
	must(err)
	for _, consumer := range consumers {
		consumer.Stop()
		<-consumer.StopChan
	}
	producer.Stop()
}
