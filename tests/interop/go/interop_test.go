// go-nsq against the server at NSQD_TCP and NSQD_HTTP.
package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/nsqio/go-nsq"
)

// Far beyond what anything here takes.
const deadline = 60 * time.Second

func newConfig() *nsq.Config {
	config := nsq.NewConfig()
	config.MsgTimeout = time.Second
	config.DefaultRequeueDelay = 50 * time.Millisecond
	config.BackoffMultiplier = 50 * time.Millisecond
	config.MaxBackoffDuration = 200 * time.Millisecond
	config.MaxInFlight = 100
	return config
}

func newProducer(t *testing.T) *nsq.Producer {
	t.Helper()
	producer, err := nsq.NewProducer(os.Getenv("NSQD_TCP"), newConfig())
	if err != nil {
		t.Fatal(err)
	}
	producer.SetLogger(log.New(os.Stderr, "", log.Flags()), nsq.LogLevelError)
	t.Cleanup(producer.Stop)
	return producer
}

func newConsumer(t *testing.T, topic, channel string, config *nsq.Config, handler nsq.HandlerFunc) *nsq.Consumer {
	t.Helper()
	consumer, err := nsq.NewConsumer(topic, channel, config)
	if err != nil {
		t.Fatal(err)
	}
	consumer.SetLogger(log.New(os.Stderr, "", log.Flags()), nsq.LogLevelError)
	consumer.AddConcurrentHandlers(handler, 4)
	if err := consumer.ConnectToNSQD(os.Getenv("NSQD_TCP")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, consumer) })
	// The server has its SUB.
	waitFor(t, topic, channel, "the channel", func(c *channelStats) bool { return c != nil && c.Clients > 0 })
	return consumer
}

func stop(t *testing.T, consumer *nsq.Consumer) {
	t.Helper()
	consumer.Stop()
	select {
	case <-consumer.StopChan:
	case <-time.After(deadline):
		t.Error("the consumer does not stop")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A handler that finishes everything, and where it tells what it got.
func collector() (chan *nsq.Message, nsq.HandlerFunc) {
	messages := make(chan *nsq.Message, 10000)
	return messages, func(message *nsq.Message) error {
		messages <- message
		return nil
	}
}

func receive(t *testing.T, messages chan *nsq.Message) *nsq.Message {
	t.Helper()
	select {
	case message := <-messages:
		return message
	case <-time.After(deadline):
		t.Fatal("no message came")
		return nil
	}
}

func receiveBodies(t *testing.T, messages chan *nsq.Message, count int) []string {
	t.Helper()
	var bodies []string
	for i := 0; i < count; i++ {
		bodies = append(bodies, string(receive(t, messages).Body))
	}
	sort.Strings(bodies)
	return bodies
}

func expectBodies(t *testing.T, got []string, want ...string) {
	t.Helper()
	sort.Strings(want)
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Fatalf("got %q, want %q", got, want)
	}
}

type channelStats struct {
	Name     string `json:"channel_name"`
	Depth    int    `json:"depth"`
	InFlight int    `json:"in_flight_count"`
	Deferred int    `json:"deferred_count"`
	Messages int    `json:"message_count"`
	Requeued int    `json:"requeue_count"`
	TimedOut int    `json:"timeout_count"`
	Clients  int    `json:"client_count"`
	Paused   bool   `json:"paused"`
}

func stats(t *testing.T, topic, channel string) *channelStats {
	t.Helper()
	response, err := http.Get("http://" + os.Getenv("NSQD_HTTP") + "/stats?format=json&topic=" + url.QueryEscape(topic))
	must(t, err)
	defer response.Body.Close()
	var answer struct {
		Topics []struct {
			Channels []channelStats `json:"channels"`
		} `json:"topics"`
	}
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	for _, topic := range answer.Topics {
		for i := range topic.Channels {
			if topic.Channels[i].Name == channel {
				return &topic.Channels[i]
			}
		}
	}
	return nil
}

func waitFor(t *testing.T, topic, channel, what string, condition func(*channelStats) bool) {
	t.Helper()
	end := time.Now().Add(deadline)
	for !condition(stats(t, topic, channel)) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s; the channel is %+v", what, stats(t, topic, channel))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func finished(channel *channelStats) bool {
	return channel != nil && channel.Depth == 0 && channel.InFlight == 0 && channel.Deferred == 0
}

func post(t *testing.T, path, topic, channel string) {
	t.Helper()
	query := url.Values{"topic": {topic}, "channel": {channel}}
	response, err := http.Post("http://"+os.Getenv("NSQD_HTTP")+path+"?"+query.Encode(), "", nil)
	must(t, err)
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 {
		t.Fatalf("%s: %d %s", path, response.StatusCode, body)
	}
}

func topicOf(t *testing.T) string {
	return "go-" + t.Name()
}

func TestPublish(t *testing.T) {
	producer := newProducer(t)
	must(t, producer.Ping())
	must(t, producer.Publish(topicOf(t), []byte("hello")))
	done := make(chan *nsq.ProducerTransaction, 1)
	must(t, producer.PublishAsync(topicOf(t), []byte("async"), done, "tag"))
	if transaction := <-done; transaction.Error != nil || transaction.Args[0] != "tag" {
		t.Fatal(transaction)
	}
	messages, handler := collector()
	newConsumer(t, topicOf(t), "c", newConfig(), handler)
	expectBodies(t, receiveBodies(t, messages, 2), "hello", "async")
	waitFor(t, topicOf(t), "c", "all finished", finished)
}

func TestMultiPublish(t *testing.T) {
	var bodies [][]byte
	var want []string
	for i := 0; i < 1000; i++ {
		want = append(want, fmt.Sprint(i))
		bodies = append(bodies, []byte(want[i]))
	}
	must(t, newProducer(t).MultiPublish(topicOf(t), bodies))
	messages, handler := collector()
	newConsumer(t, topicOf(t), "c", newConfig(), handler)
	expectBodies(t, receiveBodies(t, messages, len(want)), want...)
	waitFor(t, topicOf(t), "c", "all finished", finished)
}

func TestPublishRefused(t *testing.T) {
	producer := newProducer(t)
	err := producer.Publish("bad!topic", []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "E_BAD_TOPIC") {
		t.Fatal(err)
	}
	// It connects anew once it has seen the end of the old connection.
	for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) {
		if err = producer.Publish(topicOf(t), []byte("after the reconnect")); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

func TestDeferredPublish(t *testing.T) {
	messages, handler := collector()
	newConsumer(t, topicOf(t), "c", newConfig(), handler)
	started := time.Now()
	must(t, newProducer(t).DeferredPublish(topicOf(t), 300*time.Millisecond, []byte("late")))
	message := receive(t, messages)
	if elapsed := time.Since(started); elapsed < 299*time.Millisecond {
		t.Fatalf("came after %v", elapsed)
	}
	if message.Attempts != 1 {
		t.Fatal(message.Attempts)
	}
}

func TestRequeueWithBackoff(t *testing.T) {
	attempts := make(chan uint16, 100)
	newConsumer(t, topicOf(t), "c", newConfig(), func(message *nsq.Message) error {
		attempts <- message.Attempts
		if message.Attempts < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	must(t, newProducer(t).Publish(topicOf(t), []byte("again")))
	for want := uint16(1); want <= 4; want++ {
		select {
		case got := <-attempts:
			if got != want {
				t.Fatalf("attempt %d, want %d", got, want)
			}
		case <-time.After(deadline):
			t.Fatal("it was not delivered again")
		}
	}
	waitFor(t, topicOf(t), "c", "three requeues", func(c *channelStats) bool { return finished(c) && c.Requeued == 3 })
}

func TestTouch(t *testing.T) {
	messages := make(chan *nsq.Message, 10)
	newConsumer(t, topicOf(t), "c", newConfig(), func(message *nsq.Message) error {
		message.DisableAutoResponse()
		messages <- message
		return nil
	})
	must(t, newProducer(t).Publish(topicOf(t), []byte("long work")))
	message := receive(t, messages)
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	// Twice the message timeout.
	for started := time.Now(); time.Since(started) < 2*time.Second; <-ticker.C {
		message.Touch()
	}
	message.Finish()
	waitFor(t, topicOf(t), "c", "no timeout", func(c *channelStats) bool { return finished(c) && c.TimedOut == 0 })
	if len(messages) != 0 {
		t.Fatal("it was delivered again")
	}
}

func TestTimeout(t *testing.T) {
	messages := make(chan *nsq.Message, 10)
	newConsumer(t, topicOf(t), "c", newConfig(), func(message *nsq.Message) error {
		message.DisableAutoResponse()
		messages <- message
		if message.Attempts == 2 {
			message.Finish()
		}
		return nil
	})
	must(t, newProducer(t).Publish(topicOf(t), []byte("forgotten")))
	first, second := receive(t, messages), receive(t, messages)
	if first.ID != second.ID || second.Attempts != 2 {
		t.Fatal(first, second)
	}
	// Too late for the server, but the client waits for it before it stops.
	first.Finish()
	waitFor(t, topicOf(t), "c", "one timeout", func(c *channelStats) bool { return finished(c) && c.TimedOut == 1 })
}

func TestTwoChannels(t *testing.T) {
	first, firstHandler := collector()
	second, secondHandler := collector()
	newConsumer(t, topicOf(t), "a", newConfig(), firstHandler)
	newConsumer(t, topicOf(t), "b", newConfig(), secondHandler)
	must(t, newProducer(t).MultiPublish(topicOf(t), [][]byte{[]byte("1"), []byte("2")}))
	expectBodies(t, receiveBodies(t, first, 2), "1", "2")
	expectBodies(t, receiveBodies(t, second, 2), "1", "2")
}

func TestTwoConsumersOnOneChannel(t *testing.T) {
	messages, handler := collector()
	release := make(chan struct{})
	consumed := make(chan int, 2)
	for i := 0; i < 2; i++ {
		number, config := i, newConfig()
		config.MaxInFlight = 1
		newConsumer(t, topicOf(t), "c", config, func(message *nsq.Message) error {
			// The first message of each is held until both have one: so both get some.
			select {
			case <-release:
			default:
				consumed <- number
				<-release
			}
			return handler(message)
		})
	}
	var want []string
	producer := newProducer(t)
	for i := 0; i < 100; i++ {
		want = append(want, fmt.Sprint(i))
		must(t, producer.Publish(topicOf(t), []byte(want[i])))
	}
	for i := 0; i < 2; i++ {
		select {
		case <-consumed:
		case <-time.After(deadline):
			t.Fatal("one of the consumers got nothing")
		}
	}
	close(release)
	expectBodies(t, receiveBodies(t, messages, 100), want...)
	waitFor(t, topicOf(t), "c", "all finished", finished)
}

func TestEphemeralChannel(t *testing.T) {
	messages, handler := collector()
	consumer := newConsumer(t, topicOf(t), "c#ephemeral", newConfig(), handler)
	must(t, newProducer(t).Publish(topicOf(t), []byte("x")))
	expectBodies(t, receiveBodies(t, messages, 1), "x")
	stop(t, consumer)
	waitFor(t, topicOf(t), "c#ephemeral", "the channel is gone", func(c *channelStats) bool { return c == nil })
}

func TestPause(t *testing.T) {
	messages, handler := collector()
	newConsumer(t, topicOf(t), "c", newConfig(), handler)
	post(t, "/channel/pause", topicOf(t), "c")
	must(t, newProducer(t).Publish(topicOf(t), []byte("x")))
	waitFor(t, topicOf(t), "c", "it waits", func(c *channelStats) bool { return c.Paused && c.Depth == 1 })
	if len(messages) != 0 {
		t.Fatal("a paused channel delivered")
	}
	post(t, "/channel/unpause", topicOf(t), "c")
	expectBodies(t, receiveBodies(t, messages, 1), "x")
}
