"""Random JSON Schemas that some value fits, as people write them: objects, arrays, strings, numbers, enums, unions,
recursion. The same seed gives the same schema."""

import random

NAMES = ["id", "name", "tags", "price", "is_open", "größe", "a b", "x", "parent", "items", "note", "size"]
PATTERNS = [r"^[A-Z]{2}-\d{3}$", r"^\d{4}-\d{2}$", r"^(red|green|blue)$", r"[a-f0-9]{4}", r"^\w+@\w+\.com$"]
FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "email"]


def string(draw: random.Random) -> dict:
    kind = draw.randrange(5)
    if kind == 0:
        return {"type": "string", "pattern": draw.choice(PATTERNS)}
    if kind == 1:
        return {"type": "string", "format": draw.choice(FORMATS)}
    least = draw.randrange(4)
    return {"type": "string", "minLength": least, "maxLength": least + draw.randrange(12)}


def number(draw: random.Random) -> dict:
    low = draw.randrange(-50, 50)
    out = {"type": draw.choice(["integer", "number"])}
    if draw.random() < 0.7:
        out |= {"minimum": low, "maximum": low + draw.randrange(100)}
    elif draw.random() < 0.5:
        out["exclusiveMinimum"] = low
    if out["type"] == "integer" and draw.random() < 0.2:
        step = draw.randrange(2, 7)
        return {"type": "integer", "multipleOf": step, "minimum": 0, "maximum": 9 * step}
    return out


def constant(draw: random.Random) -> dict:
    values = ["red", "green", 7, -2.5, True, None, {"k": [1]}, [], "a\"b\\c"]
    return {"enum": draw.sample(values, draw.randrange(1, 5))} if draw.random() < 0.7 else {"const": draw.choice(values)}


def array(draw: random.Random, depth: int) -> dict:
    least = draw.randrange(3)
    out = {"type": "array", "items": any_schema(draw, depth - 1), "minItems": least, "maxItems": least + draw.randrange(3)}
    if draw.random() < 0.2:
        first = [any_schema(draw, 0) for _ in range(draw.randrange(1, 3))]
        out |= {"prefixItems": first, "minItems": len(first), "maxItems": len(first) + 1}
    return out


def an_object(draw: random.Random, depth: int) -> dict:
    names = draw.sample(NAMES, draw.randrange(1, 5))
    out = {"type": "object", "properties": {name: any_schema(draw, depth - 1) for name in names}}
    out["required"] = [name for name in names if draw.random() < 0.6]
    if draw.random() < 0.6:
        out["additionalProperties"] = False
    elif draw.random() < 0.5:
        out |= {"additionalProperties": any_schema(draw, 0), "maxProperties": len(names) + 1}
    return out


def any_schema(draw: random.Random, depth: int) -> dict:
    if depth > 0:
        kind = draw.randrange(8)
        if kind < 3:
            return an_object(draw, depth)
        if kind == 3:
            return array(draw, depth)
        if kind == 4:
            return {"anyOf": [any_schema(draw, depth - 1) for _ in range(draw.randrange(2, 4))]}
    return draw.choice([string, number, constant, lambda _: {"type": "boolean"}, lambda _: {"type": ["null", "integer"]}])(draw)


def schema(seed: int) -> dict:
    draw = random.Random(seed)
    if seed % 10 == 9:  # a tree
        node = an_object(draw, 2)
        node["properties"]["children"] = {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/node"}}
        return {"$defs": {"node": node}, "$ref": "#/$defs/node"}
    return an_object(draw, 3)
