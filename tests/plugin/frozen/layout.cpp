/// Prints how the SDK's types lie in memory, and where virtual functions stand: what a plugin that is built
/// already takes for granted. Built once with the present headers and once with each frozen copy; layout.py
/// compares.
///
/// Types whose layout may not change have a size here; those that the host makes, and plugins see by
/// reference only, may grow at their end and have none. See sdk/README.md, Versions.

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "nsq/sdk/memory_stats.h"
#include "nsq/sdk/names.h"
#include "nsq/sdk/plugin.h"

namespace sdk = nsq::sdk;

namespace {

/// The Itanium C++ ABI's pointer to a virtual member: 1 + its offset in the vtable.
template <typename Member>
std::intptr_t vtableOffset(Member member) {
    std::intptr_t first = 0;
    std::memcpy(&first, &member, sizeof first);
    return first - 1;
}

/// Its own virtual function stands behind all that T has.
template <typename T>
struct Derived : T {
    virtual void last() = 0;
};

}  // namespace

#define SIZE(Type) std::printf("size %s %zu, aligned to %zu\n", #Type, sizeof(sdk::Type), alignof(sdk::Type))
#define MEMBER(Type, member)                                                                   \
    std::printf("offset %s::%s %zu, %zu bytes\n", #Type, #member, offsetof(sdk::Type, member), \
                sizeof(sdk::Type::member))
#define VIRTUAL(Type, function) \
    std::printf("virtual %s::%s %zd\n", #Type, #function, vtableOffset(&sdk::Type::function))
#define SLOTS(Type) std::printf("slots %s %zd\n", #Type, vtableOffset(&Derived<sdk::Type>::last))
#define VALUE(name) std::printf("value %s %lld\n", #name, static_cast<long long>(sdk::name))

// offsetof of types with base classes or virtual functions is GCC's to allow.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace {

void hosts() {
    VIRTUAL(Host, logger);
    VIRTUAL(Host, broker);
    VIRTUAL(Host, limits);
    VIRTUAL(Host, info);
    VIRTUAL(Host, settings);
    VIRTUAL(Host, option);
    VIRTUAL(Host, setOption);
    VIRTUAL(Host, clients);
    VIRTUAL(Host, authorizer);
    VIRTUAL(Registrar, addProtocol);
    VIRTUAL(Registrar, addRoute);
    VIRTUAL(Registrar, setFallback);
    VIRTUAL(Broker, openPublisher);
    VIRTUAL(Broker, publish);
    VIRTUAL(Broker, publishWaits);
    VIRTUAL(Broker, subscribe);
    VIRTUAL(Broker, createTopic);
    VIRTUAL(Broker, deleteTopic);
    VIRTUAL(Broker, emptyTopic);
    VIRTUAL(Broker, pauseTopic);
    VIRTUAL(Broker, createChannel);
    VIRTUAL(Broker, deleteChannel);
    VIRTUAL(Broker, emptyChannel);
    VIRTUAL(Broker, pauseChannel);
    VIRTUAL(Broker, hasTopic);
    VIRTUAL(Broker, stats);
    VIRTUAL(Broker, health);
    VIRTUAL(Broker, damagedBatches);
    VIRTUAL(Publisher, publish);
    VIRTUAL(Publisher, pending);
    VIRTUAL(Subscription, setReady);
    VIRTUAL(Subscription, ready);
    VIRTUAL(Subscription, take);
    VIRTUAL(Subscription, finish);
    VIRTUAL(Subscription, requeue);
    VIRTUAL(Subscription, touch);
    VIRTUAL(Subscription, inFlight);
    VIRTUAL(Authorizer, required);
    VIRTUAL(Authorizer, authenticate);
    VIRTUAL(Authorization, allows);
    VIRTUAL(Authorization, permissionCount);
    VIRTUAL(Authorization, identity);
    VIRTUAL(Authorization, identityUrl);
    VIRTUAL(Authorization, expiry);
    VIRTUAL(Connection, loop);
    VIRTUAL(Connection, output);
    VIRTUAL(Connection, outputRoom);
    VIRTUAL(Connection, resumeInput);
    VIRTUAL(Connection, close);
    VIRTUAL(Connection, setTimer);
    VIRTUAL(Connection, clearTimer);
    VIRTUAL(Connection, lastReadAt);
    VIRTUAL(Connection, remoteAddress);
    VIRTUAL(Connection, remoteHost);
    VIRTUAL(Connection, startTls);
    VIRTUAL(Connection, startSnappy);
    VIRTUAL(Connection, startDeflate);
    VIRTUAL(Connection, isTls);
    VIRTUAL(Connection, peerCommonName);
    VIRTUAL(Connection, unsent);
    VIRTUAL(Loop, post);
    VIRTUAL(Loop, cancel);
    VIRTUAL(Loop, atTurnEnd);
    VIRTUAL(Loop, isCurrentThread);
    VIRTUAL(Loop, now);
    VIRTUAL(Loop, afterTurnEnd);
}

/// Whose vtables may not even grow: the host would call what a plugin does not have.
void plugins() {
    SIZE(Plugin);
    SLOTS(Plugin);
    VIRTUAL(Plugin, start);
    VIRTUAL(Plugin, stop);
    SIZE(Protocol);
    SLOTS(Protocol);
    VIRTUAL(Protocol, name);
    VIRTUAL(Protocol, createSession);
    SIZE(Session);
    SLOTS(Session);
    VIRTUAL(Session, onData);
    VIRTUAL(Session, maxPending);
    VIRTUAL(Session, onOutputDrained);
    VIRTUAL(Session, onTimer);
    VIRTUAL(Session, describe);
    VIRTUAL(Session, onInputEnd);
    VIRTUAL(Session, onTlsFailed);
    SIZE(PublishListener);
    SLOTS(PublishListener);
    VIRTUAL(PublishListener, onPublished);
    SIZE(SubscriptionListener);
    SLOTS(SubscriptionListener);
    VIRTUAL(SubscriptionListener, onMessagesReady);
    VIRTUAL(SubscriptionListener, onSubscriptionClosed);
    SIZE(AuthorizationListener);
    SLOTS(AuthorizationListener);
    VIRTUAL(AuthorizationListener, onAuthorization);
    SIZE(LoopTask);
    SLOTS(LoopTask);
    VIRTUAL(LoopTask, run);
}

/// Made or changed by code that is compiled into plugins.
void shared() {
    SIZE(Output);
    SIZE(BufferRef);
    SIZE(SharedBuffer);
    SLOTS(SharedBuffer);
    SIZE(MemoryStats);
    SIZE(AuthorizationPtr);
    SIZE(HttpHandler);
    SIZE(Bytes);
    SIZE(Magic);
    SIZE(MessageId);
    MEMBER(MessageId, value);
    SIZE(MessageView);
    MEMBER(MessageView, timestampNs);
    MEMBER(MessageView, attempts);
    MEMBER(MessageView, id);
    MEMBER(MessageView, body);
    MEMBER(MessageView, frame);
    SIZE(Result<void>);
    SIZE(Result<std::string>);
    SIZE(Result<sdk::MessageId>);
    SIZE(Result<std::unique_ptr<sdk::Subscription>>);
    SIZE(Error);
    MEMBER(Error, code);
    MEMBER(Error, text);
    SIZE(Publication);
    MEMBER(Publication, topic);
    MEMBER(Publication, bodies);
    MEMBER(Publication, delay);
    SIZE(PublishOutcome);
    MEMBER(PublishOutcome, tag);
    MEMBER(PublishOutcome, error);
    SIZE(MessageRun);
    MEMBER(MessageRun, owner);
    MEMBER(MessageRun, frames);
    MEMBER(MessageRun, count);
    SIZE(SubscribeOptions);
    MEMBER(SubscribeOptions, msgTimeout);
    MEMBER(SubscribeOptions, sampleRate);
    SIZE(Subscription::Failure);
    MEMBER(Subscription::Failure, index);
    MEMBER(Subscription::Failure, error);
    SIZE(StatsFilter);
    MEMBER(StatsFilter, topic);
    MEMBER(StatsFilter, channel);
    SIZE(Credentials);
    MEMBER(Credentials, remoteHost);
    MEMBER(Credentials, tls);
    MEMBER(Credentials, commonName);
    MEMBER(Credentials, secret);
    SIZE(HttpResponse);
    MEMBER(HttpResponse, status);
    MEMBER(HttpResponse, contentType);
    MEMBER(HttpResponse, body);
    MEMBER(HttpResponse, headers);
    SIZE(HttpRoute);
    MEMBER(HttpRoute, method);
    MEMBER(HttpRoute, path);
    MEMBER(HttpRoute, handler);
    MEMBER(HttpRoute, isQuick);
    MEMBER(HttpRoute, maxBody);
    MEMBER(HttpRoute, tooLarge);
    SIZE(HttpFallback);
    MEMBER(HttpFallback, notFound);
    MEMBER(HttpFallback, methodNotAllowed);
    MEMBER(HttpFallback, internalError);
    SIZE(PubCount);
    MEMBER(PubCount, topic);
    MEMBER(PubCount, count);
    SIZE(LatencyStats);
    MEMBER(LatencyStats, count);
    MEMBER(LatencyStats, percentiles);
    SIZE(LatencyStats::Percentile);
    MEMBER(LatencyStats::Percentile, quantile);
    MEMBER(LatencyStats::Percentile, value);
    SIZE(TopicStats);
    MEMBER(TopicStats, name);
    MEMBER(TopicStats, depth);
    MEMBER(TopicStats, backendDepth);
    MEMBER(TopicStats, messageCount);
    MEMBER(TopicStats, messageBytes);
    MEMBER(TopicStats, memoryBytes);
    MEMBER(TopicStats, damagedBatches);
    MEMBER(TopicStats, paused);
    MEMBER(TopicStats, latency);
    MEMBER(TopicStats, channels);
    SIZE(ChannelStats);
    MEMBER(ChannelStats, name);
    MEMBER(ChannelStats, depth);
    MEMBER(ChannelStats, backendDepth);
    MEMBER(ChannelStats, inFlightCount);
    MEMBER(ChannelStats, deferredCount);
    MEMBER(ChannelStats, messageCount);
    MEMBER(ChannelStats, requeueCount);
    MEMBER(ChannelStats, timeoutCount);
    MEMBER(ChannelStats, finishCount);
    MEMBER(ChannelStats, droppedCount);
    MEMBER(ChannelStats, clientCount);
    MEMBER(ChannelStats, paused);
    MEMBER(ChannelStats, latency);
    SIZE(ClientStats);
    MEMBER(ClientStats, clientId);
    MEMBER(ClientStats, hostname);
    MEMBER(ClientStats, protocol);
    MEMBER(ClientStats, remoteAddress);
    MEMBER(ClientStats, userAgent);
    MEMBER(ClientStats, state);
    MEMBER(ClientStats, readyCount);
    MEMBER(ClientStats, inFlightCount);
    MEMBER(ClientStats, messageCount);
    MEMBER(ClientStats, finishCount);
    MEMBER(ClientStats, requeueCount);
    MEMBER(ClientStats, connectedAt);
    MEMBER(ClientStats, sampleRate);
    MEMBER(ClientStats, topic);
    MEMBER(ClientStats, channel);
    MEMBER(ClientStats, pubCounts);
    MEMBER(ClientStats, snappy);
    MEMBER(ClientStats, deflate);
    MEMBER(ClientStats, tls);
    MEMBER(ClientStats, tlsCipherSuite);
    MEMBER(ClientStats, tlsVersion);
    MEMBER(ClientStats, authed);
    MEMBER(ClientStats, authIdentity);
    MEMBER(ClientStats, authIdentityUrl);
}

/// Made by the host and seen by reference: their ends may move.
void growing() {
    MEMBER(Limits, maxMsgSize);
    MEMBER(Limits, maxBodySize);
    MEMBER(Limits, maxRdyCount);
    MEMBER(Limits, msgTimeout);
    MEMBER(Limits, maxMsgTimeout);
    MEMBER(Limits, maxReqTimeout);
    MEMBER(Limits, clientTimeout);
    MEMBER(Limits, maxHeartbeatInterval);
    MEMBER(Limits, maxOutputBufferSize);
    MEMBER(Limits, maxOutputBufferTimeout);
    MEMBER(Limits, minOutputBufferTimeout);
    MEMBER(Limits, outputBufferTimeout);
    MEMBER(Limits, tls);
    MEMBER(Limits, tlsRequired);
    MEMBER(Limits, snappy);
    MEMBER(Limits, deflate);
    MEMBER(Limits, maxDeflateLevel);
    MEMBER(ServerInfo, program);
    MEMBER(ServerInfo, version);
    MEMBER(ServerInfo, productVersion);
    MEMBER(ServerInfo, hostname);
    MEMBER(ServerInfo, broadcastAddress);
    MEMBER(ServerInfo, tcpPort);
    MEMBER(ServerInfo, httpPort);
    MEMBER(ServerInfo, broadcastTcpPort);
    MEMBER(ServerInfo, broadcastHttpPort);
    MEMBER(ServerInfo, startTime);
    MEMBER(HttpRequest, method);
    MEMBER(HttpRequest, path);
    MEMBER(HttpRequest, query);
    MEMBER(HttpRequest, headers);
    MEMBER(HttpRequest, body);
    MEMBER(HttpRequest, remoteAddress);
    MEMBER(HttpRequest, pathParameter);
    MEMBER(HttpRequest, badQuery);
    MEMBER(PluginDescriptor, magic);
    MEMBER(PluginDescriptor, size);
    MEMBER(PluginDescriptor, sdkMajor);
    MEMBER(PluginDescriptor, sdkMinor);
    MEMBER(PluginDescriptor, kind);
    MEMBER(PluginDescriptor, fingerprint);
    MEMBER(PluginDescriptor, name);
    MEMBER(PluginDescriptor, version);
}

void values() {
    VALUE(ErrorCode::kBadTopic);
    VALUE(ErrorCode::kBadChannel);
    VALUE(ErrorCode::kTopicNotFound);
    VALUE(ErrorCode::kChannelNotFound);
    VALUE(ErrorCode::kTooManyConsumers);
    VALUE(ErrorCode::kDeleted);
    VALUE(ErrorCode::kNotInFlight);
    VALUE(ErrorCode::kNotOwner);
    VALUE(ErrorCode::kExiting);
    VALUE(ErrorCode::kAuthFailed);
    VALUE(ErrorCode::kStorage);
    VALUE(ErrorCode::kInvalid);
    VALUE(ErrorCode::kInternal);
    VALUE(Permission::kSubscribe);
    VALUE(Permission::kPublish);
    VALUE(ClientState::kInit);
    VALUE(ClientState::kConnected);
    VALUE(ClientState::kSubscribed);
    VALUE(ClientState::kClosing);
    VALUE(kProtocolPlugin);
    VALUE(kHttpPlugin);
    VALUE(kDescriptorMagic);
    VALUE(Output::kMinShared);
    VALUE(frame::kBodyOffset);
}

}  // namespace

int main() {
    hosts();
    plugins();
    shared();
    growing();
    values();
    return 0;
}
