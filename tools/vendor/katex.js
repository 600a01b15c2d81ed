// render() builds DOM nodes. renderToString() is left out: its style attributes would be refused by the
// Content-Security-Policy.
export { ParseError, render } from "katex";
