// What the 7-series' cells between an RGMII PHY and the logic do, without their delays; Yosys knows
// them by their ports only. See UG471 (IDDR, ODDR, IDELAYE2) and UG472 (PLLE2_ADV) of AMD.

// Both edges of the clock to two bits. As the core uses it, the bits of a rising edge and of the
// falling one after it appear together at the next rising edge ("SAME_EDGE_PIPELINED").
module IDDR #(
    parameter DDR_CLK_EDGE = "SAME_EDGE_PIPELINED"
) (
    input  C, CE, D, R, S,
    output reg Q1, Q2
);
    reg rising, falling;
    always @(posedge C) begin
        rising <= D;
        Q1 <= rising;
        Q2 <= falling;
    end
    always @(negedge C) falling <= D;
endmodule

// Two bits, taken together at the rising edge, to both halves of a period ("SAME_EDGE").
module ODDR #(
    parameter DDR_CLK_EDGE = "SAME_EDGE"
) (
    input  C, CE, D1, D2, R, S,
    output Q
);
    reg first, second, waiting;
    always @(posedge C) begin
        first <= D1;
        waiting <= D2;
    end
    always @(negedge C) second <= waiting;
    assign Q = C ? first : second;
endmodule

module IDELAYE2 #(
    parameter IDELAY_TYPE = "FIXED",
    parameter IDELAY_VALUE = 0,
    parameter REFCLK_FREQUENCY = 200.0
) (
    input  C, CE, IDATAIN, INC, LD, LDPIPEEN,
    output DATAOUT
);
    assign DATAOUT = IDATAIN;
endmodule

// As the core uses it: both clocks have the frequency of the input, and the second is a quarter of
// a period late, which is a delay like others.
module PLLE2_ADV #(
    parameter CLKFBOUT_MULT = 1,
    parameter CLKIN1_PERIOD = 8.0,
    parameter CLKOUT0_DIVIDE = 1,
    parameter CLKOUT0_PHASE = 0.0,
    parameter CLKOUT1_DIVIDE = 1,
    parameter CLKOUT1_PHASE = 0.0,
    parameter DIVCLK_DIVIDE = 1,
    parameter REF_JITTER1 = 0.0,
    parameter STARTUP_WAIT = "FALSE"
) (
    input  CLKIN1, CLKFBIN, PWRDWN, RST,
    output CLKFBOUT, CLKOUT0, CLKOUT1, LOCKED
);
    assign CLKFBOUT = CLKIN1;
    assign CLKOUT0 = CLKIN1;
    assign CLKOUT1 = CLKIN1;
    assign LOCKED = !RST;
endmodule
