# A Homebrew cask. `fill` puts version, checksum and repository in; the release workflow attaches the
# result to each release. With it in a tap: brew install --cask OWNER/TAP/mlx-throughput-lab
cask "mlx-throughput-lab" do
  version "VERSION"
  sha256 "SHA256"

  url "https://github.com/REPOSITORY/releases/download/v#{version}/MLX-Throughput-Lab-#{version}-arm64.zip"
  name "MLX Throughput Lab"
  desc "Benchmark that finds the fastest settings of mlx_lm.server"
  homepage "https://github.com/REPOSITORY"

  livecheck do
    url :url
    strategy :github_latest
  end

  depends_on arch: :arm64
  depends_on macos: ">= :ventura"

  app "MLX Throughput Lab.app"
  # The same program in the terminal: mlx-throughput-lab quick
  binary "#{appdir}/MLX Throughput Lab.app/Contents/MacOS/mlx-throughput-lab"

  zap trash: [
    "~/Library/Application Support/MLX Throughput Lab",
    "~/Library/Logs/MLX Throughput Lab",
    "~/Library/Saved Application State/io.github.mlx-throughput-lab.savedState",
  ]

  caveats <<~EOS
    Unless this release was notarised, macOS refuses to open the app the first time.
    Allow it in System Settings > Privacy & Security > Open Anyway, or remove its mark:
      xattr -dr com.apple.quarantine "#{appdir}/MLX Throughput Lab.app"
  EOS
end
