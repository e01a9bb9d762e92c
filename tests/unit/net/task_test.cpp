#include <sys/socket.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "net/task_loop.h"
#include "unit/net/client.h"
#include "unit/net/fixture.h"

using namespace nsq;
using namespace nsq::net;
using namespace nsq::net::test;
using namespace std::chrono_literals;

namespace {

/// The queues alone, with wake-ups counted.
class Queues final : public TaskLoop {
public:
    using TaskLoop::awake;
    using TaskLoop::mayRest;
    using TaskLoop::nextLate;
    using TaskLoop::nextPosted;
    using TaskLoop::nextTurnEnd;
    using TaskLoop::startLate;
    using TaskLoop::startPosted;
    using TaskLoop::startTurnEnd;

    sdk::Clock::time_point now() const override { return {}; }
    void wake() override { ++wakes; }

    int wakes = 0;
};

struct Task final : sdk::LoopTask {
    Task() = default;
    explicit Task(std::function<void()> work) : function(std::move(work)) {}
    void run() override {
        if (function) function();
    }
    std::function<void()> function;
};

}  // namespace

TEST_CASE("a post wakes a resting loop once") {
    Queues queues;
    std::array<Task, 3> tasks;
    queues.post(tasks[0]);
    REQUIRE(queues.wakes == 0);
    REQUIRE(!queues.mayRest());
    REQUIRE(queues.startPosted());
    REQUIRE(queues.nextPosted() == &tasks[0]);
    REQUIRE(queues.nextPosted() == nullptr);
    REQUIRE(queues.mayRest());
    queues.post(tasks[0]);
    queues.post(tasks[1]);
    REQUIRE(queues.wakes == 1);
    queues.awake();
    queues.post(tasks[2]);
    REQUIRE(queues.wakes == 1);
    REQUIRE(queues.startPosted());
    for (Task& task : tasks) REQUIRE(queues.nextPosted() == &task);
}

TEST_CASE("a task stands in one queue at most") {
    Queues queues;
    Task task;
    queues.post(task);
    queues.post(task);
    queues.atTurnEnd(task);
    queues.post(task);
    REQUIRE(!queues.startPosted());
    REQUIRE(queues.startTurnEnd());
    REQUIRE(queues.nextTurnEnd() == &task);
    REQUIRE(queues.nextTurnEnd() == nullptr);
    REQUIRE(queues.mayRest());
}

TEST_CASE("a task queued while its batch runs waits for the next batch") {
    Queues queues;
    Task first;
    Task second;
    queues.post(first);
    queues.post(second);
    REQUIRE(queues.startPosted());
    REQUIRE(queues.nextPosted() == &first);
    queues.post(first);
    REQUIRE(queues.nextPosted() == &second);
    REQUIRE(queues.nextPosted() == nullptr);
    REQUIRE(queues.startPosted());
    REQUIRE(queues.nextPosted() == &first);
}

TEST_CASE("the rest of a batch comes before the next one, and keeps the loop from resting") {
    Queues queues;
    std::array<Task, 3> tasks;
    queues.afterTurnEnd(tasks[0]);
    queues.afterTurnEnd(tasks[1]);
    REQUIRE(queues.startLate());
    REQUIRE(queues.nextLate() == &tasks[0]);
    REQUIRE(!queues.mayRest());
    queues.afterTurnEnd(tasks[2]);
    queues.afterTurnEnd(tasks[1]);  // is there already
    REQUIRE(queues.startLate());
    REQUIRE(queues.nextLate() == &tasks[1]);
    REQUIRE(queues.nextLate() == nullptr);
    REQUIRE(queues.startLate());
    REQUIRE(queues.nextLate() == &tasks[2]);
    REQUIRE(queues.nextLate() == nullptr);
    REQUIRE(queues.mayRest());
}

TEST_CASE("cancel takes a task out of any queue") {
    Queues queues;
    std::array<Task, 5> tasks;
    queues.post(tasks[0]);
    queues.post(tasks[1]);
    REQUIRE(queues.startPosted());
    queues.post(tasks[2]);
    queues.atTurnEnd(tasks[3]);
    queues.afterTurnEnd(tasks[4]);
    for (Task& task : tasks) queues.cancel(task);
    for (Task& task : tasks) queues.cancel(task);
    REQUIRE(queues.nextPosted() == nullptr);
    REQUIRE(queues.mayRest());
    queues.post(tasks[1]);
    REQUIRE(queues.startPosted());
    REQUIRE(queues.nextPosted() == &tasks[1]);
}

TEST_CASE("sockets get their turn while many tasks that may wait run") {
    constexpr int kTasks = 400;
    int done = 0;  // the loop's
    int doneWhenAnswered = -1;
    Signal all;
    std::vector<std::unique_ptr<Task>> tasks;
    for (int i = 0; i < kTasks; ++i) {
        tasks.push_back(std::make_unique<Task>([&] {
            std::this_thread::sleep_for(2ms);
            ++done;
            all.add();
        }));
    }
    ScriptedOpener opener([&](ScriptedSession& session) {
        session.dataFunction = [&](sdk::Bytes data) {
            doneWhenAnswered = done;
            session.connection().output().write(data);
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    EventLoop& loop = server.loops().next();
    REQUIRE(client.send("a"));
    REQUIRE(client.receive(1) == "a");
    runOn(loop, [&] {
        for (const auto& task : tasks) loop.afterTurnEnd(*task);
    });
    REQUIRE(client.send("b"));
    REQUIRE(client.receive(1) == "b");
    REQUIRE(all.reaches(kTasks));
    REQUIRE(doneWhenAnswered < kTasks);
}

TEST_CASE("a turn runs posted tasks before those of its end, and both before outputs are sent") {
    std::vector<std::string> order;  // the loop's until the client has its answer
    std::unique_ptr<Task> posted;
    std::unique_ptr<Task> again;
    std::unique_ptr<Task> end;
    ScriptedOpener opener([&](ScriptedSession& session) {
        sdk::Connection& connection = session.connection();
        end = std::make_unique<Task>([&] {
            order.push_back("end");
            connection.output().write(sdk::asBytes("!"));
            if (order.size() < 5) connection.loop().post(*again);
        });
        again = std::make_unique<Task>([&] {
            order.push_back("again");
            connection.loop().atTurnEnd(*end);
        });
        posted = std::make_unique<Task>([&] { order.push_back("posted"); });
        session.dataFunction = [&](sdk::Bytes data) {
            connection.loop().atTurnEnd(*end);
            connection.loop().post(*posted);
            connection.output().write(sdk::asBytes("data"));
            order.push_back("data");
            return data.size();
        };
    });
    Server server(opener);
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(6) == "data!!");
    runOn(server.loops().next(), [&] {
        REQUIRE(order == std::vector<std::string>{"data", "posted", "end", "again", "end"});
    });
}

TEST_CASE("tasks that queue themselves again and again do not starve the sockets") {
    ScriptedOpener opener(echo);
    Server server(opener);
    EventLoop& loop = server.loops().next();
    Task posted;
    Task end;
    posted.function = [&] { loop.post(posted); };
    end.function = [&] { loop.atTurnEnd(end); };
    runOn(loop, [&] {
        loop.post(posted);
        loop.atTurnEnd(end);
    });
    Client client(server.port());
    REQUIRE(client.send("x"));
    REQUIRE(client.receive(1) == "x");
    runOn(loop, [&] {
        loop.cancel(posted);
        loop.cancel(end);
    });
}

TEST_CASE("a task that throws is logged and does no harm") {
    ScriptedOpener opener(echo);
    Server server(opener);
    EventLoop& loop = server.loops().next();
    Task task([] { throw std::runtime_error("broken task"); });
    loop.post(task);
    runOn(loop, [] {});
    REQUIRE(server.log().find("broken task") != std::string::npos);
}

TEST_CASE("posts from many threads all arrive, each thread's in order") {
    constexpr int kThreads = 8;
    constexpr int kPosts = 2000;
    ScriptedOpener opener(echo);
    Server server(opener);
    EventLoop& loop = server.loops().next();
    std::vector<std::vector<int>> seen(kThreads);  // the loop's
    std::vector<std::vector<std::unique_ptr<Task>>> tasks(kThreads);
    Signal ran;
    for (int thread = 0; thread < kThreads; ++thread) {
        for (int i = 0; i < kPosts; ++i) {
            tasks[thread].push_back(std::make_unique<Task>([&, thread, i] {
                seen[thread].push_back(i);
                ran.add();
            }));
        }
    }
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            for (const auto& task : tasks[thread]) loop.post(*task);
        });
    }
    for (std::thread& thread : threads) thread.join();
    REQUIRE(ran.reaches(kThreads * kPosts));
    runOn(loop, [&] {
        for (const std::vector<int>& numbers : seen) {
            REQUIRE(numbers.size() == kPosts);
            REQUIRE(std::ranges::is_sorted(numbers));
        }
    });
}

TEST_CASE("a task posted by many threads and cancelled by its loop never runs after the cancel") {
    ScriptedOpener opener(echo);
    Server server(opener);
    EventLoop& loop = server.loops().next();
    std::atomic<bool> cancelled{false};
    std::atomic<int> afterCancel{0};
    Signal ran;
    Task task([&] {
        if (cancelled) ++afterCancel;
        ran.add();
    });
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            while (!stop) loop.post(task);
        });
    }
    REQUIRE(ran.reaches(1000));
    for (int i = 0; i < 200; ++i) {
        runOn(loop, [&] {
            loop.atTurnEnd(task);
            loop.cancel(task);
        });
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    runOn(loop, [&] {
        loop.cancel(task);
        cancelled = true;
    });
    runOn(loop, [] {});
    REQUIRE(afterCancel == 0);
}

TEST_CASE("a stopped loop refuses work and closes what it is given") {
    ScriptedOpener opener(echo);
    auto sink = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(10);
    spdlog::logger logger("test", sink);
    EventLoop loop("test", logger);
    loop.start();
    runOn(loop, [] {});
    loop.stop();
    loop.stop();
    REQUIRE(!loop.submit([] {}));
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    const Fd client(pair[0]);
    loop.add({Fd(pair[1]), "unix:pair", opener, ConnectionKind::kProtocol, Transport::kPlain, kPatience});
    char byte;
    REQUIRE(::recv(client.get(), &byte, 1, 0) == 0);
}
