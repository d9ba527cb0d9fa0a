// Khronos glTF validator over the files named on the command line: one JSON report per line.
const fs = require("node:fs");
const validator = require("gltf-validator");

(async () => {
  for (const path of process.argv.slice(2)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(path)), {
      uri: path,
      maxIssues: 200,
    });
    console.log(JSON.stringify({ path, issues: report.issues }));
  }
})();
