// Runs the two-node exchange in wasm and checks what it says.
import { readFileSync } from 'node:fs';

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const wanted = WebAssembly.Module.imports(module);
if (wanted.length > 0) {
  console.error('the core needs a host function:', wanted);
  process.exit(1);
}
const { exports } = new WebAssembly.Instance(module, {});
const members = exports.run_two_nodes();
if (members !== 22) {
  console.error(`two nodes should see two alive members each (22), got ${members}`);
  process.exit(1);
}
console.log('embedded: two nodes found each other in wasm');
