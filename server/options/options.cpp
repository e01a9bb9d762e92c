#include "options/options.h"

#include <Poco/Checksum.h>
#include <Poco/Environment.h>
#include <Poco/MD5Engine.h>

#include <algorithm>
#include <thread>

namespace nsq::options {

std::int64_t defaultNodeId(const std::string& hostname) {
    constexpr std::int64_t kNodeIds = 1024;
    Poco::MD5Engine md5;
    md5.update(hostname);
    const Poco::DigestEngine::Digest& digest = md5.digest();
    Poco::Checksum crc{Poco::Checksum::TYPE_CRC32};
    crc.update(reinterpret_cast<const char*>(digest.data()), static_cast<unsigned>(digest.size()));
    return crc.checksum() % kNodeIds;
}

std::string programName(Program program) {
    return program == Program::kNsqd ? "nsqd" : "nsqlookupd";
}

Options programDefaults(Program program) {
    Options options;
    options.program = program;
    if (program == Program::kNsqd) return options;
    options.logPrefix = "[nsqlookupd] ";
    options.tcpAddress = "0.0.0.0:4160";
    options.httpAddress = "0.0.0.0:4161";
    options.httpsAddress = "0.0.0.0:4162";
    return options;
}

Options hostDefaults(Program program) {
    Options options = programDefaults(program);
    const std::string hostname = Poco::Environment::nodeName();
    options.nodeId = defaultNodeId(hostname);
    options.broadcastAddress = hostname;
    options.ioThreads = std::max(1U, std::thread::hardware_concurrency());
    return options;
}

sdk::Limits toLimits(const Options& options) {
    const auto whole = [](Duration value) { return std::chrono::ceil<std::chrono::milliseconds>(value); };
    sdk::Limits limits;
    limits.maxMsgSize = options.maxMsgSize;
    limits.maxBodySize = options.maxBodySize;
    limits.maxRdyCount = options.maxRdyCount;
    limits.msgTimeout = whole(options.msgTimeout);
    limits.maxMsgTimeout = whole(options.maxMsgTimeout);
    limits.maxReqTimeout = whole(options.maxReqTimeout);
    limits.maxHeartbeatInterval = whole(options.maxHeartbeatInterval);
    limits.maxOutputBufferSize = options.maxOutputBufferSize;
    limits.maxOutputBufferTimeout = whole(options.maxOutputBufferTimeout);
    limits.minOutputBufferTimeout = whole(options.minOutputBufferTimeout);
    limits.outputBufferTimeout = whole(options.outputBufferTimeout);
    limits.tls = !options.tlsCert.empty();
    limits.tlsRequired = options.tlsRequired != TlsRequired::kNone;
    limits.snappy = options.snappy;
    limits.deflate = options.deflate;
    limits.maxDeflateLevel = static_cast<int>(options.maxDeflateLevel);
    return limits;
}

}  // namespace nsq::options
