#include "auth/granted.h"

#include <catch2/catch.hpp>

namespace nsq::auth {

namespace {

using sdk::Permission;

Answer answerWith(std::vector<Grant> grants) {
    return {std::chrono::seconds{10}, "me", "http://x", std::move(grants)};
}

sdk::AuthorizationPtr granted(std::vector<Grant> grants) {
    PatternPool pool;
    return Granted::make(answerWith(std::move(grants)), pool).value();
}

bool maySubscribe(const Grant& grant, std::string_view topic, std::string_view channel) {
    return granted({grant})->allows(Permission::kSubscribe, topic, channel);
}

bool mayPublish(const Grant& grant, std::string_view topic) {
    return granted({grant})->allows(Permission::kPublish, topic, {});
}

}  // namespace

TEST_CASE("Both patterns have to match, anywhere in the name unless they are anchored") {
    CHECK(maySubscribe({"b", {"y"}, true, false}, "abc", "xyz"));
    CHECK(maySubscribe({"", {""}, true, false}, "abc", "xyz"));
    CHECK(maySubscribe({"^abc$", {"no", "^x"}, true, false}, "abc", "xyz"));
    CHECK_FALSE(maySubscribe({"^b", {"y"}, true, false}, "abc", "xyz"));
    CHECK_FALSE(maySubscribe({"b$", {"y"}, true, false}, "abc", "xyz"));
    CHECK_FALSE(maySubscribe({"b", {"^y"}, true, false}, "abc", "xyz"));
    CHECK_FALSE(maySubscribe({"b", {}, true, false}, "abc", "xyz"));
    CHECK_FALSE(maySubscribe({"B", {"y"}, true, false}, "abc", "xyz"));
    CHECK(maySubscribe({"(?i)B", {"(?P<name>y)"}, true, false}, "abc", "xyz"));
    CHECK(maySubscribe({R"(^[[:alpha:]]+#ephemeral$)", {R"(\w{3})"}, true, false}, "abc#ephemeral", "xyz"));
}

TEST_CASE("A publish needs its permission, and a channel's pattern for the empty name") {
    CHECK(mayPublish({"abc", {".*"}, false, true}, "abc"));
    CHECK(mayPublish({"abc", {"no", ""}, false, true}, "abc"));
    CHECK_FALSE(mayPublish({"abc", {"y"}, false, true}, "abc"));
    CHECK_FALSE(mayPublish({"abc", {}, false, true}, "abc"));
    CHECK_FALSE(mayPublish({"abc", {".*"}, true, false}, "abc"));
    CHECK_FALSE(maySubscribe({"abc", {".*"}, false, true}, "abc", "xyz"));
}

TEST_CASE("One rule has to allow it, not several together") {
    const auto authorization = granted({{"^a$", {".*"}, true, false}, {"^b$", {".*"}, false, true}});
    CHECK(authorization->allows(Permission::kSubscribe, "a", "c"));
    CHECK(authorization->allows(Permission::kPublish, "b", {}));
    CHECK_FALSE(authorization->allows(Permission::kSubscribe, "b", "c"));
    CHECK_FALSE(authorization->allows(Permission::kPublish, "a", {}));
    CHECK(authorization->permissionCount() == 2);
    CHECK_FALSE(granted({})->allows(Permission::kPublish, "a", {}));
}

TEST_CASE("Identity and expiry are the answer's") {
    const auto before = sdk::Clock::now();
    const auto authorization = granted({});
    CHECK(authorization->identity() == "me");
    CHECK(authorization->identityUrl() == "http://x");
    CHECK(authorization->expiry() >= before + std::chrono::seconds{10});
    CHECK(authorization->expiry() <= sdk::Clock::now() + std::chrono::seconds{10});
}

TEST_CASE("A pattern that does not compile is refused, whichever it is") {
    const std::string bad = GENERATE("(", "[", "*", "a{1001}", R"(\8)", "(?=a)", R"((a)\1)", "\xff",
                                     "((((a{100}){100}){100}){100})");
    CAPTURE(bad);
    PatternPool pool;
    for (const Grant& grant : {Grant{bad, {".*"}, true, true}, Grant{".*", {".*", bad}, true, true}}) {
        const auto made = Granted::make(answerWith({{".*", {".*"}, true, true}, grant}), pool);
        REQUIRE_FALSE(made);
        CHECK(made.error().text == "a pattern does not compile");
    }
}

TEST_CASE("Patterns that make other engines try for ever are matched at once") {
    const std::string name = std::string(63, 'a') + '!';
    for (const char* pattern : {"^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "^(.*a){20}$", "(x+x+)+y"}) {
        CHECK_FALSE(maySubscribe({pattern, {""}, true, false}, name, "c"));
    }
}

TEST_CASE("The patterns of one client have limits") {
    PatternPool pool;
    std::vector<Grant> same(10'000, Grant{"t", {"c"}, true, true});
    CHECK(Granted::make(answerWith(same), pool));
    same.push_back({"t", {}, true, true});
    CHECK_FALSE(Granted::make(answerWith(same), pool));
    Grant wide{"t", std::vector<std::string>(200'000, "c"), true, true};
    CHECK(Granted::make(answerWith({wide}), pool));
    same.resize(2);
    for (int i = 0; i < 9'990; ++i) same.front().channels.push_back(std::to_string(i));
    CHECK(Granted::make(answerWith(same), pool));
    same.assign(3, Grant{same.front()});
    CHECK_FALSE(Granted::make(answerWith(same), pool));
    std::vector<Grant> many;
    for (int i = 0; i < 10'001; ++i) many.push_back({std::to_string(i), {}, true, true});
    const auto tooMany = Granted::make(answerWith(many), pool);
    REQUIRE_FALSE(tooMany);
    CHECK(tooMany.error().text == "its patterns are too many or too large");
    std::vector<Grant> large;
    for (int i = 0; i < 2'000; ++i) large.push_back({"[a-z]{1000}" + std::to_string(i), {}, true, true});
    CHECK_FALSE(Granted::make(answerWith(large), pool));
}

TEST_CASE("A pattern exists once as long as somebody has it") {
    PatternPool pool;
    const Pattern first = pool.get("a.*");
    CHECK(pool.get("a.*") == first);
    for (int i = 0; i < 10'000; ++i) pool.get("b" + std::to_string(i));
    CHECK(pool.size() < 1'000);
    CHECK(pool.get("a.*") == first);
}

}  // namespace nsq::auth
