// The same on request, with the executable that is shipped.
import '../integration/edge-runner/cut-off.test.ts';
