// References to URIs: the examples of RFC 3986, and those that schemas are full of.
#include "mdl/uri.h"

#include <gtest/gtest.h>

namespace conduit::mdl {
namespace {

TEST(UriTest, ResolvesAsRfc3986Shows) {
  const std::pair<const char*, const char*> examples[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
  };
  for (const auto& [reference, uri] : examples)
    EXPECT_EQ(resolve_uri("http://a/b/c/d;p?q", reference), uri) << reference;
}

TEST(UriTest, BasesMayBeEmptyRelativeOrUrns) {
  EXPECT_EQ(resolve_uri("", "a.json#/b"), "a.json#/b");
  EXPECT_EQ(resolve_uri("", "#/b"), "#/b");
  EXPECT_EQ(resolve_uri("dir/a.json", "b.json"), "dir/b.json");
  EXPECT_EQ(resolve_uri("http://host", "a"), "http://host/a");
  EXPECT_EQ(resolve_uri("urn:x:y", "#/b"), "urn:x:y#/b");
  EXPECT_EQ(resolve_uri("http://a/b", "urn:x:y"), "urn:x:y");
}

TEST(UriTest, FragmentsAreCutAndDecoded) {
  EXPECT_EQ(split_fragment("a#b#c").first, "a");
  EXPECT_EQ(split_fragment("a#b#c").second, "b#c");
  EXPECT_EQ(split_fragment("a").second, "");
  EXPECT_EQ(percent_decoded("%41%c3%A9%%4"), "Aé%%4");
}

}  // namespace
}  // namespace conduit::mdl
