#include "identity.h"

#include <Poco/JSON/Object.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>
#include <Poco/String.h>

#include <variant>

namespace nsq::lookupd {

namespace {

/// The deepest nesting of a body (chosen): Poco's parser recurses once a level, and the body is the client's.
constexpr std::size_t kMaxDepth = 128;

struct Field {
    const char* name;
    std::variant<std::string Identity::*, std::int64_t Identity::*, bool Identity::*> member;
};

constexpr Field kFields[] = {
    {"remote_address", &Identity::remoteAddress},  // who asks is known better: it is set anew
    {"hostname", &Identity::hostname},
    {"broadcast_address", &Identity::broadcastAddress},
    {"tcp_port", &Identity::tcpPort},
    {"http_port", &Identity::httpPort},
    {"version", &Identity::version},
    {"tls_v1", &Identity::tlsV1},
};

sdk::Error badBody(const std::string& why) {
    return {sdk::ErrorCode::kInvalid, why};
}

/// False when the value has another type than the field. Whatever is no boolean does not ask for TLS:
/// nsqlookupd does not know that field.
bool assign(Identity& identity, const Field& field, const Poco::Dynamic::Var& value) {
    if (value.isEmpty()) return true;
    if (const auto* text = std::get_if<std::string Identity::*>(&field.member)) {
        if (!value.isString()) return false;
        identity.*(*text) = value.extract<std::string>();
    } else if (const auto* number = std::get_if<std::int64_t Identity::*>(&field.member)) {
        if (!value.isInteger() || value.isBoolean()) return false;
        identity.*(*number) = value.convert<std::int64_t>();
    } else {
        identity.*std::get<bool Identity::*>(field.member) = value.isBoolean() && value.convert<bool>();
    }
    return true;
}

}  // namespace

sdk::Result<Identity> decodeIdentity(std::string_view json) {
    try {
        if (Poco::trim(std::string{json}) == "null") return Identity{};
        Poco::JSON::Parser parser{new Poco::JSON::ParseHandler{/*bPreserveObjectOrder=*/true}};
        parser.setDepth(kMaxDepth);
        const auto object = parser.parse(std::string{json}).extract<Poco::JSON::Object::Ptr>();
        Identity identity;
        for (const std::string& name : object->getNames()) {
            for (const Field& field : kFields) {
                if (Poco::icompare(name, field.name) != 0) continue;
                if (!assign(identity, field, object->get(name)))
                    return badBody(std::string{field.name} + " has another type");
            }
        }
        return identity;
    } catch (const Poco::Exception& exception) {
        return badBody(exception.displayText());
    }
}

}  // namespace nsq::lookupd
