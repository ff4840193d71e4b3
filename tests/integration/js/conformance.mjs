// The conformance suite of the Model Context Protocol: node conformance.mjs server --url URL …
import fs from 'node:fs';
import { register } from 'node:module';

// It is for Node 22, of which it needs one function that only its other commands use.
if (!fs.globSync) {
  const with_it = "export * from 'node:fs'; export { default } from 'node:fs';"
    + 'export const globSync = () => [];';
  const hook = `export const resolve = (name, context, next) =>
    name === 'fs' && context.parentURL?.includes('/@modelcontextprotocol/conformance/')
      ? { url: ${JSON.stringify('data:text/javascript,' + encodeURIComponent(with_it))},
          shortCircuit: true }
      : next(name, context);`;
  register('data:text/javascript,' + encodeURIComponent(hook));
}
await import('@modelcontextprotocol/conformance/dist/index.js');
