// The plugin without a server: its session gets bytes, and what it answers is looked at.

#include <nsq/sdk/testing/fake_connection.h>
#include <nsq/sdk/testing/fake_host.h>
#include <nsq/sdk/testing/fake_registrar.h>
#include <nsq/sdk/testing/plugin_factory.h>

#include <iostream>

using namespace nsq::sdk::testing;

namespace {

int failures = 0;

void expect(bool isTrue, const char* what) {
    std::cout << (isTrue ? "ok      " : "FAILED  ") << what << '\n';
    if (!isTrue) ++failures;
}

}  // namespace

int main() {
    FakeHost host;
    const auto plugin = makePlugin();
    FakeRegistrar registrar;
    expect(plugin->start(host, registrar).ok(), "the plugin starts");

    FakeLoop loop;
    FakeConnection connection(loop);
    const auto session = registrar.protocols.at("LINE")->createSession(connection);
    connection.attach(*session);

    connection.exchange("LINEgreetings hello, world\n");
    expect(connection.sent() == "ok\n", "a line is answered");
    expect(host.fakeBroker.published("greetings") == std::vector<std::string>{"hello, world"},
           "and published");

    connection.exchange("no_text\ngreetings aga");
    expect(connection.sent() == "error a line is a topic, a space and a text\n", "a bad line is refused");
    connection.exchange("in\n");
    expect(connection.sent() == "ok\n", "a line may come in pieces");

    host.fakeBroker.holdOutcomes(true);
    connection.exchange("greetings slowly\n");
    expect(connection.sent().empty(), "nothing is acknowledged before it is stored");
    host.fakeBroker.releaseOutcomes();
    connection.endTurn();
    expect(connection.sent() == "ok\n", "and then it is");

    host.limitValues.tlsRequired = true;
    expect(!makePlugin()->start(host, registrar).ok(), "it does not start where TLS is required");
    return failures == 0 ? 0 : 1;
}
