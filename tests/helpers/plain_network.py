"""The encoder-decoder in NumPy, a sentence and a position at a time, as the papers write it.

An independent reading to compare `seq2seq.models` with: LSTM cells, no padding, no batches.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(scores):
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def values(layer):
    """Its weights by name, in float64."""
    return {weight.name: np.array(weight, np.float64) for weight in layer.weights}


def lstm(layer, x, state):
    h, c = state
    w = values(layer)
    i, f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def embedded(layer, token):
    table = values(layer)["embeddings"]
    return table[token] * np.sqrt(table.shape[1])


def read(layer, inputs, backward):
    """Outputs at their positions, and the last state."""
    order = range(len(inputs))
    outputs, state = [None] * len(inputs), (np.zeros(layer.units), np.zeros(layer.units))
    for place in reversed(order) if backward else order:
        state = lstm(layer, inputs[place], state)
        outputs[place] = state[0]
    return outputs, state


def encode(translator, config, source):
    """The memory, and each layer's last (h, c)."""
    layers = translator.layers
    outputs = [embedded(layers.source_embedding, token) for token in source]
    last = []
    for number, directions in enumerate(layers.encoder.recurrent, 1):
        if len(directions) == 2:
            ahead, forward_state = read(directions[0], outputs, False)
            back, backward_state = read(directions[1], outputs, True)
            found = [np.concatenate(pair) for pair in zip(ahead, back, strict=True)]
            states = zip(forward_state, backward_state, strict=True)
            last.append([np.concatenate(each) for each in states])
        else:
            found, state = read(directions[0], outputs, config.reverse_source)
            last.append(list(state))
        if config.residual_from and number >= config.residual_from:
            found = [new + old for new, old in zip(found, outputs, strict=True)]
        outputs = found
    return np.array(outputs), last


def first_states(translator, config, last):
    states = []
    for number in range(config.decoder_layers):
        below_top = config.decoder_layers - 1 - number
        beside = last[max(0, len(last) - 1 - below_top)]
        if config.bridge == "copy":
            states.append(tuple(beside))
        elif config.bridge == "zero":
            states.append((np.zeros(config.units), np.zeros(config.units)))
        else:  # s_0 = tanh(W h), with a W for each of h and c
            pair = translator.layers.bridge.denses[2 * number : 2 * number + 2]
            weights = [values(dense) for dense in pair]
            states.append(tuple(np.tanh(beside[0] @ w["kernel"] + w["bias"]) for w in weights))
    return states


def attend(translator, config, query, memory):
    if config.attention == "none":
        return np.zeros(0)
    layers = translator.layers
    projection, own = values(layers.decoder.keys), values(layers.decoder.attention)
    keys = memory @ projection["kernel"] if projection else memory
    if config.attention in ("dot", "general"):
        scores = keys @ query / (np.sqrt(len(query)) if config.scaled_scores else 1)
        return softmax(scores) @ memory
    if config.attention == "additive":
        scores = np.tanh(query @ own["query_kernel"] + keys) @ own["score_kernel"][:, 0]
        return softmax(scores) @ memory
    keys, contents = np.split(keys, 2, axis=1)
    query, heads = query @ own["query_kernel"], []
    width = len(query) // config.heads
    for head in range(config.heads):
        part = slice(head * width, (head + 1) * width)
        if config.attention == "multi_head_additive":
            scores = np.tanh(query[part] + keys[:, part]) @ own["score_kernel"][head]
        else:
            scores = keys[:, part] @ query[part] / np.sqrt(width)
        heads.append(softmax(scores) @ contents[:, part])
    return np.concatenate(heads) @ own["output_kernel"]


def read_out(translator, config, state, context, vector):
    if config.readout == "top":
        return state
    if config.readout == "both":
        return np.concatenate([state, context])
    w = values(translator.layers.decoder.readout)
    if config.readout == "tanh":
        return np.tanh(np.concatenate([context, state]) @ w["kernel"])
    product = np.concatenate([context, state, vector]) @ w["kernel"] + w["bias"]
    return np.maximum(product[0::2], product[1::2])


def logits(translator, config, source, target_in):
    """(T, V) of one sentence."""
    layers = translator.layers
    memory, last = encode(translator, config, source)
    states, fed, found = first_states(translator, config, last), np.zeros(config.fed_size), []
    output = values(layers.output)
    kernel = (
        output["kernel"] if "kernel" in output else values(layers.target_embedding)["embeddings"]
    )
    for token in target_in:
        vector = embedded(layers.target_embedding, token)
        x, context = np.concatenate([vector, fed]), None
        if config.attention_reads == "before":
            context = attend(translator, config, states[-1][0], memory)
            x = np.concatenate([vector, context])
        for number, layer in enumerate(layers.decoder.recurrent):
            if number and config.attention_reads == "bottom":
                states[number] = lstm(layer, np.concatenate([x, context]), states[number])
            else:
                states[number] = lstm(layer, x, states[number])
            adds = config.residual_from and number + 1 >= config.residual_from
            x = states[number][0] + x if adds else states[number][0]
            if number == 0 and config.attention_reads == "bottom":
                context = attend(translator, config, x, memory)
        if config.attention_reads == "top":
            context = attend(translator, config, x, memory)
        readout = read_out(translator, config, x, context, vector)
        if config.input_feeding:
            luong = config.attention_reads == "top" and config.readout == "tanh"
            fed = readout if luong else context
        found.append(kernel @ readout + output["bias"])
    return np.array(found)
