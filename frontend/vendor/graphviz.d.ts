// Graphviz compiled to WebAssembly; the binary is inside the module, so a worker loads it without a second request.
export { Graphviz } from "@hpcc-js/wasm-graphviz";
