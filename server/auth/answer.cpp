#include "auth/answer.h"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>
#include <Poco/String.h>

#include <algorithm>
#include <stdexcept>

namespace nsq::auth {

namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;

/// The deepest nesting (chosen): Poco's parser recurses once a level.
constexpr std::size_t kMaxDepth = 128;

/// The longest time an answer is good for (chosen): a century, which every clock can be set ahead by.
constexpr std::int64_t kMaxTtl = 100LL * 365 * 24 * 3600;

/// Why an answer is not good.
class BadAnswer : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

/// The field, or null; the last one when there are several.
Var fieldOf(const Object& object, const std::string& name) {
    Var found;
    for (const auto& [key, value] : object) {
        if (Poco::icompare(key, name) == 0) found = value;
    }
    return found;
}

template <typename T>
T valueOf(const Var& value, const std::string& name) {
    if (value.isEmpty()) return T{};
    if (value.type() != typeid(T)) throw BadAnswer(name + " has a wrong type");
    return value.extract<T>();
}

std::string textOf(const Object& object, const std::string& name) {
    return valueOf<std::string>(fieldOf(object, name), name);
}

std::vector<Var> listOf(const Object& object, const std::string& name) {
    const auto array = valueOf<Array::Ptr>(fieldOf(object, name), name);
    if (array.isNull()) return {};
    return std::vector<Var>(array->begin(), array->end());  // braces would make it a list of two iterators
}

std::chrono::seconds ttlOf(const Object& object) {
    const Var value = fieldOf(object, "ttl");
    if (value.isEmpty()) throw BadAnswer("the ttl is not positive");
    if (!value.isInteger() || value.isBoolean()) throw BadAnswer("ttl is not an integer");
    const auto ttl = value.convert<std::int64_t>();
    if (ttl <= 0) throw BadAnswer("the ttl is not positive");
    return std::chrono::seconds{std::min(ttl, kMaxTtl)};
}

Grant grantOf(const Var& value) {
    const auto object = valueOf<Object::Ptr>(value, "an authorization");
    Grant grant;
    if (object.isNull()) return grant;
    grant.topic = textOf(*object, "topic");
    for (const Var& channel : listOf(*object, "channels")) {
        grant.channels.push_back(valueOf<std::string>(channel, "a channel"));
    }
    for (const Var& permission : listOf(*object, "permissions")) {
        const auto name = valueOf<std::string>(permission, "a permission");
        if (name != "subscribe" && name != "publish") throw BadAnswer("a permission is unknown");
        (name == "publish" ? grant.publish : grant.subscribe) = true;
    }
    return grant;
}

Answer decode(const std::string& json) {
    Poco::JSON::Parser parser;
    parser.setDepth(kMaxDepth);
    const Var parsed = parser.parse(json);
    if (parsed.type() != typeid(Object::Ptr)) throw BadAnswer("it is not a JSON object");
    const auto object = parsed.extract<Object::Ptr>();
    Answer answer;
    answer.identity = textOf(*object, "identity");
    answer.identityUrl = textOf(*object, "identity_url");
    for (const Var& grant : listOf(*object, "authorizations")) answer.grants.push_back(grantOf(grant));
    answer.ttl = ttlOf(*object);
    return answer;
}

}  // namespace

sdk::Result<Answer> parseAnswer(const std::string& json) {
    try {
        return decode(json);
    } catch (const BadAnswer& bad) {
        return sdk::Error{sdk::ErrorCode::kAuthFailed, bad.what()};
    } catch (const std::exception&) {
        return sdk::Error{sdk::ErrorCode::kAuthFailed, "it is not JSON"};
    }
}

}  // namespace nsq::auth
