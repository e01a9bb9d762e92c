#pragma once

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nsq/sdk/bytes.h"

namespace nsq::test {

/// As much of a lookupd as talks to one client: it says OK to everything, remembers it, and knows the
/// channels "a" and "b" of every topic.
class SmallLookupd {
public:
    SmallLookupd()
        : listener_(Poco::Net::SocketAddress{"127.0.0.1", 0}),
          httpSocket_(Poco::Net::SocketAddress{"127.0.0.1", 0}),
          http_(new Factory, httpSocket_, new Poco::Net::HTTPServerParams),
          thread_([this] { run(); }) {
        http_.start();
    }
    ~SmallLookupd() {
        stopping_ = true;
        thread_.join();
        http_.stopAll(true);
    }

    std::string address() const { return listener_.address().toString(); }

    /// Waits for a command; false when it does not come.
    bool heard(const std::string& command) {
        std::unique_lock lock{mutex_};
        return news_.wait_for(lock, std::chrono::seconds{20},
                              [&] { return std::ranges::find(commands_, command) != commands_.end(); });
    }

private:
    struct Handler : Poco::Net::HTTPRequestHandler {
        void handleRequest(Poco::Net::HTTPServerRequest&, Poco::Net::HTTPServerResponse& response) override {
            const std::string body = R"({"channels":["a","b","c#ephemeral"]})";
            response.sendBuffer(body.data(), body.size());
        }
    };
    struct Factory : Poco::Net::HTTPRequestHandlerFactory {
        Poco::Net::HTTPRequestHandler* createRequestHandler(const Poco::Net::HTTPServerRequest&) override {
            return new Handler;
        }
    };

    void run() {
        const Poco::Timespan moment{0, 10'000};
        while (!stopping_) {
            if (!listener_.poll(moment, Poco::Net::Socket::SELECT_READ)) continue;
            try {
                serve(listener_.acceptConnection());
            } catch (const Poco::Exception&) {
                // The client has gone.
            }
        }
    }

    void serve(Poco::Net::StreamSocket client) {
        std::string bytes;
        while (!stopping_) {
            if (!client.poll(Poco::Timespan{0, 10'000}, Poco::Net::Socket::SELECT_READ)) continue;
            char buffer[4096];
            const int got = client.receiveBytes(buffer, sizeof buffer);
            if (got <= 0) return;
            bytes.append(buffer, static_cast<std::size_t>(got));
            answer(client, bytes);
        }
    }

    /// Everything that is there as a whole, which is taken away.
    void answer(Poco::Net::StreamSocket& client, std::string& bytes) {
        if (bytes.starts_with("  V1")) bytes.erase(0, 4);
        for (;;) {
            std::size_t end = bytes.find('\n');
            if (end == std::string::npos) return;
            std::string command = bytes.substr(0, end++);
            std::string reply = "OK";
            if (command == "IDENTIFY") {
                if (bytes.size() < end + 4) return;
                end += 4 +
                       static_cast<std::size_t>(sdk::loadBig<std::int32_t>(sdk::asBytes(bytes).data() + end));
                if (bytes.size() < end) return;
                reply = fmt::format(R"({{"broadcast_address":"127.0.0.1","http_port":{}}})",
                                    httpSocket_.address().port());
            }
            bytes.erase(0, end);
            std::byte size[4];
            sdk::storeBig(size, static_cast<std::int32_t>(reply.size()));
            reply.insert(0, sdk::asText(size));
            client.sendBytes(reply.data(), static_cast<int>(reply.size()));
            const std::lock_guard lock{mutex_};
            commands_.push_back(std::move(command));
            news_.notify_all();
        }
    }

    Poco::Net::ServerSocket listener_;
    Poco::Net::ServerSocket httpSocket_;
    Poco::Net::HTTPServer http_;
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable news_;
    std::vector<std::string> commands_;
    std::thread thread_;
};

}  // namespace nsq::test
