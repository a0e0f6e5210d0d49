// Types that MDL cannot say. This file must not compile, and beside each `refused:` the compiler
// must give that reason (refused.py).
#include "mdl/describe.h"

using namespace conduit::mdl;

struct Base {
  int id;
};
struct Derived : Base {
  int more;
};
template Type conduit::mdl::type_of<Derived>();  // refused: a struct with base classes

struct WithArray {
  int before;
  int numbers[3];
};
template Type conduit::mdl::type_of<WithArray>();  // refused: a struct with a C array

class Closed {
 public:
  explicit Closed(int start) : value(start) {}
  int value;
};
struct HasClosed {
  Closed closed;
};
template Type conduit::mdl::type_of<HasClosed>();  // refused: MDL cannot say this type. It has bool

struct HasPointer {
  int* pointer;
};
template Type
conduit::mdl::type_of<HasPointer>();  // refused: MDL cannot say this type. It has bool

struct HasListKey {
  std::map<double, int> map;
};
template Type conduit::mdl::type_of<HasListKey>();  // refused: the keys of MDL's Dict are texts

struct Node {
  int value;
  std::unique_ptr<Node> next;
};
template Type conduit::mdl::type_of<Node>();  // refused: a struct that holds itself

enum Loose { loose };
struct HasLoose {
  Loose loose;
};
template Type conduit::mdl::type_of<HasLoose>();  // refused: enums with a fixed underlying type

struct Crossed {
  range<int, 5, 1> range;
};
template Type conduit::mdl::type_of<Crossed>();  // refused: Least is above Most

const auto whole = from_json<std::vector<int>>(1);  // refused: the whole must be a struct
